"""Streams are created with the settings of the URL, and the doctor reports unsafe ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from saga import registry
from saga.errors import NotFound, Unavailable, UsageError
from saga.ports.bus import topic_of
from saga.ports.bus_doctor import BusDoctor, Check
from saga_nats import open_bus
from saga_nats.link import Link
from saga_nats.message_format import stream_of
from saga_nats.options import Options
from saga_nats.streams import stream_settings
from tests.adapters.delivery_log import GROUP, TOPIC, numbered
from tests.cli.conftest import Command, command  # noqa: F401 (fixture)
from tests.services.nats import Nats, Shape, cluster
from tests.services.places import or_skip

TIMEOUT_SECONDS = 20


@pytest.fixture(scope="module")
def careless_server() -> Iterator[Nats]:
    """A server with the defaults, which confirms before it writes, and accepts messages of 1 MiB."""
    with or_skip(cluster(Shape(payload="1MB", sync='"2m"'))) as found:
        yield found


@pytest.fixture
async def link(nats_url: str) -> AsyncIterator[Link]:
    link = await Link.open(Options.read(nats_url), "operator")
    yield link
    await link.close()


@pytest.fixture
async def doctor(nats_url: str) -> AsyncIterator[BusDoctor]:
    doctor = registry.open_doctor(nats_url, "saga")
    assert doctor is not None
    yield doctor
    await doctor.close()


async def findings(doctor: BusDoctor, *topics: str) -> list[Check]:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        return [finding async for finding in doctor.examine(topics)]


async def findings_of(url: str, *topics: str) -> list[Check]:
    doctor = registry.open_doctor(url, "saga")
    assert doctor is not None
    found = await findings(doctor, *topics)
    await doctor.close()
    return found


def wrong(found: list[Check]) -> list[str]:
    return [f"{finding.detail} -> {finding.remedy}" for finding in found if not finding.ok]


async def test_streams_are_created_once_with_the_settings_of_the_url(
    doctor: BusDoctor, link: Link, nats_url: str
) -> None:
    name = stream_of(Options.read(nats_url).prefix + TOPIC)

    assert await doctor.create([TOPIC]) == [name]
    assert await doctor.create([TOPIC]) == []

    config = (await link.ask(f"STREAM.INFO.{name}"))["config"]
    assert (config["storage"], config["retention"], config["discard"], config["num_replicas"]) == (
        "file",
        "limits",
        "new",
        1,
    )
    assert config["max_age"] == 86_400 * 10**9


async def test_a_created_stream_passes_the_doctor(doctor: BusDoctor, nats_url: str) -> None:
    await doctor.create([TOPIC])
    bus = open_bus(nats_url, "saga")
    await bus.ensure([TOPIC], GROUP)
    await bus.close()

    found = await findings(doctor, TOPIC)

    assert wrong(found) == []
    assert [finding.name for finding in found] == ["bus", "bus disk", "stream"]
    assert "not examined" in found[1].detail


async def test_a_missing_stream_is_reported_with_the_remedy(doctor: BusDoctor) -> None:
    (told,) = wrong(await findings(doctor, TOPIC))

    assert stream_of(TOPIC) in told
    assert told.endswith("-> saga bus ensure")


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("storage", "memory", "nats stream rm"),
        ("retention", "interest", "nats stream rm"),
        ("retention", "workqueue", "nats stream rm"),
        ("discard", "old", "--discard new"),
        ("max_age", 60 * 10**9, "--max-age 1d"),
        ("max_msg_size", 1000, "--max-msg-size -1"),
        ("no_ack", True, "--ack"),
        ("subjects", ["somewhere.else"], "--subjects"),
    ],
)
async def test_an_unsafe_setting_is_reported_with_the_command_that_fixes_it(
    doctor: BusDoctor, link: Link, nats_url: str, setting: str, value: object, told: str
) -> None:
    options = Options.read(nats_url)
    config = {**stream_settings(options, options.prefix + TOPIC), setting: value}
    if setting == "subjects":
        config["subjects"] = [f"{options.prefix}elsewhere"]
    await link.ask(f"STREAM.CREATE.{config['name']}", config)

    found = wrong(await findings(doctor, TOPIC))

    assert [line for line in found if told in line], found
    assert all(config["name"] in line for line in found)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"ack_policy": "none"}, "does not wait for acknowledgements"),
        ({"deliver_subject": "somewhere"}, "pushes messages"),
        ({"max_ack_pending": 10}, "one slow process stops all"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
async def test_an_unsafe_consumer_is_reported(
    doctor: BusDoctor, link: Link, nats_url: str, setting: dict[str, Any], told: str
) -> None:
    await doctor.create([TOPIC])
    name = stream_of(Options.read(nats_url).prefix + TOPIC)
    config = {"durable_name": GROUP, "ack_policy": "explicit", **setting}
    await link.ask(f"CONSUMER.DURABLE.CREATE.{name}.{GROUP}", {"stream_name": name, "config": config})
    await link.ask(f"CONSUMER.CREATE.{name}", {"stream_name": name, "config": {"ack_policy": "none"}})

    (found,) = wrong(await findings(doctor, TOPIC))

    assert told in found


async def test_too_few_copies_are_reported_and_more_copies_than_servers_refused(
    nats_url: str, doctor: BusDoctor
) -> None:
    await doctor.create([TOPIC])
    strict = nats_url.replace("replication=1", "replication=3")
    bus = open_bus(strict, "saga")

    assert any("has 1 of the 3 copies" in told for told in wrong(await findings_of(strict, TOPIC)))
    with pytest.raises(UsageError, match="lower replication"):
        await bus.ensure(["saga.test.other"], GROUP)
    await bus.close()


async def test_what_only_the_monitoring_port_tells(careless_server: Nats) -> None:
    url = f"{careless_server.bus_url}&monitor={careless_server.monitors}"

    told = wrong(await findings_of(url))

    assert any("n1 confirms messages up to 2m" in line and "sync_interval: always" in line for line in told)
    assert any("max_payload: 2MB" in line for line in told)


async def test_a_server_that_writes_before_it_confirms_passes() -> None:
    with or_skip(cluster()) as server:
        found = await findings_of(f"{server.bus_url}&monitor={server.monitors}")
        broken = await findings_of(f"{server.bus_url}&monitor=http://127.0.0.1:9,{server.monitors}/nowhere")

    assert wrong(found) == []
    assert "n1 writes to disk" in found[1].detail
    assert ["does not answer as the monitoring port" in line for line in wrong(broken)] == [True, True]


async def test_unreachable_servers_are_reported() -> None:
    (told,) = wrong(await findings_of("nats://127.0.0.1:9", TOPIC))

    assert "127.0.0.1:9" in told


async def test_a_full_stream_refuses_messages_and_takes_them_again_later(nats_url: str) -> None:
    bus = open_bus(f"{nats_url}&max_bytes=20000&retention=1s", "saga")
    await bus.ensure([TOPIC], GROUP)

    with pytest.raises(Unavailable, match="no space"):
        await bus.publish(numbered(range(1_000)))
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            try:
                await bus.publish(numbered([1]))
                break
            except Unavailable:
                continue
    await bus.close()


async def test_nothing_is_created_unless_it_was_asked_for(nats_url: str) -> None:
    bus = open_bus(nats_url.replace("create=1", "create=0"), "saga")
    with pytest.raises(NotFound, match="saga bus ensure"):
        await bus.publish(numbered([1]))
    with pytest.raises(NotFound, match="saga bus ensure"):
        await bus.ensure([TOPIC], GROUP)
    with pytest.raises(NotFound, match="saga bus ensure"):
        async with bus.subscribe([TOPIC], GROUP, limit=1):
            pass
    await bus.close()


async def test_a_publisher_that_may_create_needs_no_reader(nats_url: str) -> None:
    bus = open_bus(nats_url, "saga")
    await bus.publish(numbered([1]))
    await bus.close()

    assert wrong(await findings_of(nats_url, TOPIC)) == []


def test_saga_bus_ensure_creates_the_streams_of_the_named_services(
    command: Command,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    nats_url: str,
) -> None:
    monkeypatch.setenv("SAGA_BUS", nats_url.replace("create=1", "create=0"))
    stock, mail = (stream_of(Options.read(nats_url).prefix + topic_of("shop", one)) for one in ("stock", "mail"))

    ran = command("bus", "ensure", "stock", "mail", "--store", "postgresql://unused", "--namespace", "shop")

    assert ran.err == ""
    assert ran.out == f"created {stock}\ncreated {mail}\n"
