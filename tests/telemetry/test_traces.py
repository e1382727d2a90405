"""One saga is one trace: over every bus, across processes, forwards and backwards."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import saga
from saga.app import App
from saga.errors import NotFound
from saga.runtime.telemetry import SILENT
from saga.telemetry import tracing
from tests.migrated import migrate_database
from tests.process.fleet import ROOT, Fleet
from tests.runtime.world import until
from tests.services import kafka, kinesis
from tests.services.places import or_skip

CLIENT_SECONDS = 60.0
SERVICES = ("stock", "money", "post")
FORWARD = [
    "start order",
    "execute stock.take",
    "inventory call",
    "execute money.charge",
    "execute money.charge",
    "execute post.send",
]
BACKWARD = ["compensate money.charge", "compensate stock.take"]
Span = dict[str, Any]

pytestmark = pytest.mark.slow


@pytest.fixture
def spans_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPANS_FOLDER", str(tmp_path))
    return tmp_path


async def client(count: int, *options: str, **settings: str) -> dict[str, str]:
    """Runs the client in its own process; returns how each saga has ended."""
    environment = {**os.environ, **{f"SAGA_{name.upper()}": value for name, value in settings.items()}}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.telemetry.traced", str(count), *options, cwd=ROOT, env=environment,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        out, _ = await asyncio.wait_for(process.communicate(), CLIENT_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0
    endings: dict[str, str] = json.loads(out.splitlines()[-1])
    return endings


def spans_in(folder: Path) -> list[Span]:
    return [json.loads(line) for path in folder.glob("*.jsonl") for line in path.read_text().splitlines()]


def check(spans: list[Span], endings: dict[str, str]) -> None:
    """Each saga has one trace, which begins in the caller's span; its attempts are the children of its start."""
    traces: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        traces[span["trace"]].append(span)
    sagas = {
        trace: {span["attributes"]["saga.id"] for span in found if "saga.id" in span["attributes"]}
        for trace, found in traces.items()
    }
    assert sorted(map(len, sagas.values())) == [1] * len(endings)
    for trace, found in traces.items():
        (saga_id,) = sagas[trace]
        by_name = {span["name"]: span for span in found}
        wanted = [*FORWARD, *(BACKWARD if endings[saga_id] == "compensated" else [])]
        assert sorted(span["name"] for span in found) == sorted(["request", *wanted])
        assert by_name["request"]["parent"] is None
        assert by_name["start order"]["parent"] == by_name["request"]["span"]
        assert by_name["inventory call"]["parent"] == by_name["execute stock.take"]["span"]
        attempts = [span for span in found if span["name"].startswith(("execute", "compensate"))]
        assert {span["parent"] for span in attempts} == {by_name["start order"]["span"]}


async def test_over_the_store_a_saga_is_one_trace_through_five_processes(spans_folder: Path, store_url: str) -> None:
    async with Fleet(spans_folder, store_url, "") as fleet:
        for service in (*SERVICES, "money"):
            await fleet.serve(f"tests.telemetry.traced:{service}")
        endings = await client(10, store=store_url)

    spans = spans_in(spans_folder)
    check(spans, endings)
    assert sorted(endings.values()) == ["compensated"] * 5 + ["completed"] * 5
    assert len({span["pid"] for span in spans}) >= 4


@pytest.fixture(params=["postgres", "kafka", "kinesis"])
async def bus(
    request: pytest.FixtureRequest, store_url: str, fresh_database: Callable[[], Awaitable[str]]
) -> AsyncIterator[str]:
    """The URL of a bus outside the store."""
    match request.param:
        case "postgres":
            url = await fresh_database()
            await migrate_database(url)
            yield url
        case "kafka":
            with or_skip(kafka.kafka()) as url:
                yield url
        case "kinesis":
            with or_skip(kinesis.kinesis()) as endpoint:
                yield kinesis.bus_url(endpoint, store_url)


async def test_over_an_outside_bus_a_saga_is_one_trace(spans_folder: Path, store_url: str, bus: str) -> None:
    async with Fleet(spans_folder, store_url, "", bus=bus) as fleet:
        for service in SERVICES:
            await fleet.serve(f"tests.telemetry.traced:{service}")
        endings = await client(4, store=store_url, bus=bus)

    spans = spans_in(spans_folder)
    check(spans, endings)
    assert len({span["pid"] for span in spans}) == 4


@pytest.mark.parametrize("bus", ["", "memory://traces-bus"], ids=["store", "bus"])
async def test_in_memory_a_saga_is_one_trace(spans_folder: Path, bus: str) -> None:
    settings = {"store": "memory://traces", **({"bus": bus} if bus else {})}
    endings = await client(4, "all", **settings)

    check(spans_in(spans_folder), endings)


async def test_a_saga_whose_start_was_not_traced_has_a_trace_with_its_own_id(
    spans_folder: Path, store_url: str
) -> None:
    async with Fleet(spans_folder, store_url, "") as fleet:
        for service in SERVICES:
            await fleet.serve(f"tests.telemetry.traced:{service}")
        async with saga.connect(store=store_url) as sagas:
            await until(lambda: is_registered(sagas), "the definition is registered")
            handle = await sagas.start("order", 1)
            assert (await handle.result(30)).is_completed

    assert {span["trace"] for span in spans_in(spans_folder)} == {handle.id.hex}


async def is_registered(sagas: App) -> bool:
    try:
        await sagas.process.directory.find("order", None)
    except NotFound:
        return False
    return True


async def test_spans_carry_the_outcome_of_an_attempt(spans_folder: Path) -> None:
    await client(2, "all", store="memory://traces")

    seen = sorted(
        (span["name"], span["attributes"].get("saga.outcome"), span["status"], span["kind"])
        for span in spans_in(spans_folder)
    )

    assert ("execute money.charge", "failed", "ERROR", "CONSUMER") in seen
    assert ("execute money.charge", "succeeded", "UNSET", "CONSUMER") in seen
    assert ("execute post.send", "rejected", "UNSET", "CONSUMER") in seen
    assert ("compensate stock.take", "compensated", "UNSET", "CONSUMER") in seen
    assert ("start order", None, "UNSET", "PRODUCER") in seen


def test_without_a_provider_nothing_is_traced_and_the_library_is_not_imported() -> None:
    program = (
        "import asyncio, sys, saga\n"
        "async def main():\n"
        "    async with saga.connect(store='memory://x') as sagas:\n"
        "        assert type(sagas.process.telemetry.tracer).__name__ == 'NoTracer'\n"
        "asyncio.run(main())\n"
        "assert not [name for name in sys.modules if name.startswith(('opentelemetry', 'prometheus_client'))]\n"
    )

    subprocess.run([sys.executable, "-c", program], check=True, timeout=CLIENT_SECONDS, capture_output=True)


def test_a_library_without_a_provider_does_not_trace() -> None:
    import opentelemetry.trace  # noqa: F401, PLC0415 (loads the library)

    assert tracing.present_tracer() is SILENT.tracer


@pytest.mark.parametrize("written", [None, "", "nonsense", "00-zz-1-1", "00-" + "0" * 32 + "-" + "1" * 16 + "-01"])
def test_a_malformed_traceparent_is_ignored(written: str | None) -> None:
    assert tracing._parsed(written) is None
