"""The background loops of a process: an exception that nobody foresaw ends none of them, and probes report it."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from saga import Context, Definition, Participant
from saga.errors import Unavailable
from saga.runtime.background import RESTART_SECONDS, TROUBLE_SECONDS, BackgroundLoops
from saga.testing.clocks.hand_clock import HandClock
from tests.runtime.world import World, until
from tests.telemetry.scrape import probe


async def test_a_loop_that_dies_runs_again_and_is_a_trouble_for_a_while() -> None:
    clock = HandClock(100.0)
    runs: list[float] = []

    async def reader() -> None:
        runs.append(clock.monotonic())
        if len(runs) < 3:
            raise KeyError("foreign")
        await asyncio.Event().wait()

    loops = BackgroundLoops(clock)
    task = loops.start(reader, "reader of shop")
    await clock.advance(0.0)
    assert loops.troubles() == ["reader of shop died: KeyError"]

    await clock.advance(RESTART_SECONDS)
    await clock.advance(RESTART_SECONDS)
    assert len(runs) == 3
    await clock.advance(TROUBLE_SECONDS - RESTART_SECONDS - 0.1)
    assert loops.troubles()
    await clock.advance(0.2)
    assert (loops.troubles(), loops.is_running) == ([], True)

    await loops.cancel([task])
    assert task.cancelled()


async def test_a_loop_that_is_cancelled_is_not_a_broken_one() -> None:
    loops = BackgroundLoops(HandClock(0.0))

    async def waits() -> None:
        await asyncio.Event().wait()

    first, second = loops.start(waits), loops.start(waits)
    broken = asyncio.create_task(loops.broken())
    await loops.cancel([first])
    await loops.cancel([second])
    await broken


@pytest.mark.parametrize("port", ["store", "membership"])
async def test_no_exception_of_a_port_ends_a_process(
    port: str, any_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    participant = Participant("shop")

    @participant.step(external=True)
    async def reserve(n: int, ctx: Context) -> int:
        return n

    @reserve.compensation
    async def release(n: int, result: int, ctx: Context) -> None: ...

    sagas = await any_world.join(participant, http="0", lease=2.0, redrive=1.0)
    definition = Definition("order", version=1, input=int)
    definition.step("shop.reserve")
    await sagas.register(definition)
    raised = list[str]()
    target = getattr(sagas.process.adapter, port)
    for name in _methods(target):
        monkeypatch.setattr(target, name, _raising_once(name, getattr(target, name), raised))
    with contextlib.suppress(Unavailable):
        await sagas.start("order", 0)
    handles = [await sagas.start("order", n) for n in range(5)]
    results = [await handle.result(30) for handle in handles]
    assert [result.status for result in results] == ["completed"] * 5
    await until(lambda: raised, "the port has raised")
    assert sagas.process.background.is_running
    async with sagas.endpoint() as address:
        status, findings = await probe(address, "/readyz")
    assert (status == 503, "loops" in findings) == (bool(sagas.process.background.troubles()),) * 2


def _methods(target: object) -> list[str]:
    return [
        name
        for name, _ in inspect.getmembers(type(target), inspect.iscoroutinefunction)
        if not name.startswith("_") and name not in {"join", "leave"}
    ]


def _raising_once(name: str, method: Callable[..., Any], raised: list[str]) -> Callable[..., Any]:
    async def call(*arguments: Any, **options: Any) -> Any:
        if name not in raised:
            raised.append(name)
            raise ValueError(f"nobody foresaw this in {name}")
        return await method(*arguments, **options)

    return call


async def test_a_loop_that_is_cancelled_from_within_runs_again() -> None:
    clock, runs = HandClock(0.0), list[int]()

    async def waits_for_a_cancelled_future() -> None:
        runs.append(1)
        if len(runs) == 1:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            future.cancel()
            await future
        await asyncio.Event().wait()

    loops = BackgroundLoops(clock)
    task = loops.start(waits_for_a_cancelled_future)
    await clock.advance(0.0)
    await clock.advance(RESTART_SECONDS)
    assert len(runs) == 2
    await loops.cancel([task])
    assert task.cancelled()
