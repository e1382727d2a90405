"""The log has the traceback of a failed step, and its error names the file and line of the user's own code."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from saga import Context, Definition, Participant, Retry
from saga.runtime.handlers.origin import TRACEBACK_CHARS_MAX
from tests.runtime.world import World

ONCE = Retry(attempts=1)
PLACE = re.compile(r"\(at (steps/test_origin\.py:\d+ in \w+)\)")


@pytest.fixture
def lines() -> Iterator[LogCapture]:
    """The lines of the log as dictionaries."""
    capture = LogCapture()
    structlog.configure(processors=[capture])
    yield capture
    structlog.reset_defaults()


def deep(value: dict[str, int]) -> int:
    return value["nope"]


class Hostile(Exception):
    """Breaks whatever looks into it."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __str__(self) -> str:
        return "x" * 3_000_000


def endless(number: int) -> int:
    return endless(number + 1)


async def in_a_group() -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(asyncio.to_thread(deep, {}))


async def too_long() -> None:
    await asyncio.Event().wait()


def in_a_library() -> Any:
    return json.loads("{")


async def in_the_framework(ctx: Context) -> None:
    await ctx.heartbeat(object())


def hostile() -> None:
    raise Hostile


CASES: dict[str, tuple[Any, str, str]] = {
    "async": (too_long, "no answer in time", "too_long"),
    "group": (in_a_group, "KeyError: 'nope'", "deep"),
    "library": (in_a_library, "JSONDecodeError", "in_a_library"),
    "sync": (lambda: deep({}), "KeyError: 'nope'", "deep"),
    "framework": (in_the_framework, "the progress cannot be written as JSON", "in_the_framework"),
    "hostile": (hostile, "Hostile: xxx", "hostile"),
    "endless": (lambda: endless(0), "RecursionError", "endless"),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_failure_names_the_line_that_failed(any_world: World, lines: LogCapture, case: str) -> None:
    function, words, name = CASES[case]
    service = Participant("service")
    service.step(name="work", external=True, read_only=True)(function)
    definition = Definition("failing")
    definition.step("service.work", retry=ONCE, timeout="200ms" if case == "async" else "10s")
    sagas = await any_world.join(service)

    handle = await sagas.start(definition)
    reason = str((await handle.result(10)).reason)

    found = PLACE.search(reason)
    assert found is not None, reason
    assert found[1].endswith(f" in {name}")
    assert words in reason
    (line,) = [line for line in lines.entries if line["event"] == "step failed"]
    assert line["log_level"] == "warning"
    assert f"in {name}" in line["exception"]
    assert "handler_caller.py" not in line["exception"]
    assert len(line["exception"]) <= TRACEBACK_CHARS_MAX
    detail = await sagas.detail(handle.id)
    assert any(found[0] in str(entry.detail) for entry in detail.history)


async def test_what_the_framework_refuses_has_a_sentence_and_no_traceback(any_world: World, lines: LogCapture) -> None:
    service = Participant("service")

    @service.step(external=True, read_only=True)
    async def wrong() -> int:
        return "seven"  # type: ignore[return-value]

    definition = Definition("wrong")
    definition.step("service.wrong", retry=ONCE)
    sagas = await any_world.join(service)
    reason = str((await (await sagas.start(definition)).result(10)).reason)
    assert "(at " not in reason
    (line,) = [line for line in lines.entries if line["event"] == "step failed"]
    assert "exception" not in line
