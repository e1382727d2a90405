"""A handler that blocks the event loop is named, in the log and in the metrics."""

from __future__ import annotations

import asyncio
import time

import pytest

from saga import Definition, Participant
from saga.runtime.handlers import loop_watch
from tests.runtime.world import World, until


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_watch, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(loop_watch, "BLOCKED_SECONDS", 0.3)


async def test_a_handler_that_blocks_the_event_loop_is_named(
    any_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    service = Participant("service")

    @service.step(external=True)
    async def block() -> None:
        time.sleep(1)  # noqa: ASYNC251 (the fault)

    definition = Definition("blocking")
    definition.step("service.block", timeout="30s")
    sagas = await any_world.join(service)
    handle = await sagas.start(definition)
    assert (await handle.result(10)).is_completed
    watch = sagas.process.loop_watch
    await until(lambda: "service.block" in watch.blocked_seconds, "the end of the standstill is seen")
    assert watch.blocked_seconds["service.block"] > 0.3
    for text in ("event loop is blocked", "event loop turns again", "test_loop_watch.py", "in block", str(handle.id)):
        assert text in caplog.text


async def test_a_standstill_without_a_handler_is_told(any_world: World, caplog: pytest.LogCaptureFixture) -> None:
    sagas = await any_world.join()
    asyncio.get_running_loop().call_soon(time.sleep, 1)
    watch = sagas.process.loop_watch
    await until(lambda: loop_watch.NO_HANDLER in watch.blocked_seconds, "the standstill is seen")
    assert "event loop is blocked" in caplog.text


async def test_a_loop_that_turns_is_not_reported(any_world: World, caplog: pytest.LogCaptureFixture) -> None:
    sagas = await any_world.join()
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + 2 * loop_watch.BLOCKED_SECONDS
    await until(lambda: loop.time() > ends_at, "the watch has looked several times")
    assert sagas.process.loop_watch.blocked_seconds == {}
    assert "event loop" not in caplog.text
