"""Handlers that do not end when they are cancelled are left where they wait, and named."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from saga import Context, Definition, Participant, Retry
from saga.runtime.handlers import time_limit
from tests.runtime.steps.test_modes import effects_in, prepared
from tests.runtime.world import World, until

Database = Callable[[], Awaitable[str]]
UNWIND_SECONDS = 0.2
LONGER_THAN_UNWINDING_SECONDS = 0.5
LOOP_TURNS = 20
"""More than a coroutine needs to go on after the event that it waits for."""
TWICE = Retry(attempts=2, first="10ms")


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_limit, "UNWIND_SECONDS", UNWIND_SECONDS)


class Stubborn:
    """Waits again whatever is thrown at it; counts how often it went on."""

    def __init__(self) -> None:
        self.turns = 0
        self.has_begun = False
        self._is_over = False
        self._poked = asyncio.Event()

    async def wait(self) -> None:
        self.has_begun = True
        while not self._is_over:
            self._poked.clear()
            with contextlib.suppress(BaseException):
                await self._poked.wait()
            self.turns += 1

    async def is_left(self) -> bool:
        """Gives it a reason to go on; returns whether it does not."""
        turns = self.turns
        self._poked.set()
        for _ in range(LOOP_TURNS):
            await asyncio.sleep(0)
        return self.turns == turns

    def end(self) -> None:
        """Ends it where it still goes on: in a task of its own."""
        self._is_over = True
        self._poked.set()


async def direct(stubborn: Stubborn) -> None:
    await stubborn.wait()


async def in_a_task(stubborn: Stubborn) -> None:
    await asyncio.create_task(stubborn.wait())


async def gathered(stubborn: Stubborn) -> None:
    await asyncio.gather(stubborn.wait(), stubborn.wait())


@pytest.mark.parametrize("wait", [direct, in_a_task, gathered])
async def test_an_external_handler_that_ignores_its_cancellation_is_left_and_named(
    any_world: World, caplog: pytest.LogCaptureFixture, wait: Callable[[Stubborn], Awaitable[None]]
) -> None:
    service, stubborn = Participant("service"), Stubborn()

    @service.step(external=True, read_only=True)
    async def ask() -> None:
        await wait(stubborn)

    definition = Definition("stubborn")
    definition.step("service.ask", timeout="50ms", retry=TWICE)
    sagas = await any_world.join(service)
    ending = await (await sagas.start(definition)).result(10)
    was_left = await stubborn.is_left()
    stubborn.end()
    assert was_left or wait is not direct
    assert ending.reason == "ask: given up after 2 failures: no answer in time: the handler ignores its cancellation"
    assert sagas.process.intake.in_flight == 0
    out = caplog.text
    assert "handler ignores its cancellation, leaving it where it waits" in out
    assert "test_cancellation.py" in out


async def test_a_compensation_and_a_probe_that_ignore_their_cancellation_are_left(any_world: World) -> None:
    service, stubborn, calls = Participant("service"), Stubborn(), []

    @service.step(external=True)
    async def charge() -> None:
        raise ConnectionError

    @charge.probe
    async def look() -> None:
        calls.append("probe")
        if calls.count("probe") == 1:
            await stubborn.wait()

    @charge.compensation
    async def refund(value: Any, result: None) -> None:
        calls.append("refund")
        if calls.count("refund") == 1:
            await stubborn.wait()

    definition = Definition("undone")
    definition.step("service.charge", timeout="50ms", retry=Retry(attempts=1), compensation_retry=TWICE)
    sagas = await any_world.join(service)
    assert (await (await sagas.start(definition)).result(20)).status == "compensated"
    assert calls == ["probe", "probe", "refund", "refund"]
    assert await stubborn.is_left()


@pytest.mark.parametrize("mode", ["transactional", "journaled"])
async def test_a_handler_with_a_transaction_that_ignores_its_cancellation_loses_it(
    world: World, fresh_database: Database, mode: str
) -> None:
    url = await prepared(world.url if mode == "transactional" else await fresh_database())
    service, stubborn = Participant("service", database=url), Stubborn()

    @service.step
    async def note(ctx: Context) -> None:
        await ctx.sql.execute("insert into effect values ($1, $2)", ctx.saga_id, f"attempt {ctx.attempt}")
        if ctx.attempt == 1:
            await stubborn.wait()

    definition = Definition("noted")
    definition.step("service.note", timeout="100ms", retry=TWICE)
    sagas = await world.join(service)
    assert (await (await sagas.start(definition)).result(10)).is_completed
    assert await effects_in(url) == ["attempt 2"]
    assert await stubborn.is_left()


async def test_a_process_that_stops_leaves_handlers_that_ignore_it(any_world: World) -> None:
    service, stubborn = Participant("service"), Stubborn()

    @service.step(external=True)
    async def ask() -> None:
        await stubborn.wait()

    definition = Definition("stubborn")
    definition.step("service.ask", timeout="1h")
    sagas = await any_world.join(service)
    await sagas.start(definition)
    await until(lambda: stubborn.has_begun, "it runs")
    async with asyncio.timeout(5):
        await sagas.process.stop(0)
    assert await stubborn.is_left()


async def test_a_handler_may_clean_up_after_its_timeout(any_world: World) -> None:
    service, closed = Participant("service"), []

    @service.step(external=True, read_only=True)
    async def ask() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # a clean-up may wait, too
            closed.append(True)

    definition = Definition("tidy")
    definition.step("service.ask", timeout="50ms", retry=Retry(attempts=1))
    sagas = await any_world.join(service)
    ending = await (await sagas.start(definition)).result(10)
    assert (str(ending.reason).startswith("ask: given up: no answer in time"), closed) == (True, [True])


async def test_a_timeout_of_the_handlers_own_does_not_end_it(any_world: World) -> None:
    service = Participant("service")

    @service.step(external=True, read_only=True)
    async def ask() -> str:
        try:
            async with asyncio.timeout(0):
                await asyncio.create_task(asyncio.Event().wait())
        except TimeoutError:
            await asyncio.gather(asyncio.sleep(LONGER_THAN_UNWINDING_SECONDS))
        return "patient"

    definition = Definition("patient")
    definition.returns(definition.step("service.ask", timeout="30s", retry=Retry(attempts=1)).output)
    sagas = await any_world.join(service)
    assert (await (await sagas.start(definition)).result(10)).value == "patient"


async def test_a_handler_may_return_any_awaitable(any_world: World) -> None:
    service = Participant("service")

    @service.step(external=True, read_only=True)
    def ask() -> Any:
        class Answer:
            def __await__(self) -> Any:
                return iter(asyncio.sleep(0, "awaited").__await__())

        return Answer()

    definition = Definition("awaitable")
    definition.returns(definition.step("service.ask").output)
    sagas = await any_world.join(service)
    assert (await (await sagas.start(definition)).result(10)).value == "awaited"


async def ends_by_it() -> None:
    current_task().cancel()
    await asyncio.Event().wait()


async def returns_at_once() -> None:
    current_task().cancel()


async def swallows_it() -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await ends_by_it()


async def is_cancelled_by_its_own_task() -> None:
    handler = current_task()

    async def cancel() -> None:
        handler.cancel()

    await asyncio.create_task(cancel())
    await asyncio.Event().wait()


def current_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task


@pytest.mark.parametrize("mode", ["external", "transactional", "journaled"])
@pytest.mark.parametrize("work", [ends_by_it, returns_at_once, swallows_it, is_cancelled_by_its_own_task])
async def test_a_handler_that_cancels_its_own_task_is_answered(
    world: World, fresh_database: Database, mode: str, work: Callable[[], Awaitable[None]]
) -> None:
    database = {"external": None, "transactional": world.url, "journaled": await fresh_database()}[mode]
    service, attempts = Participant("service", database=database), list[int]()

    @service.step(external=mode == "external", read_only=True)
    async def ask(value: None, ctx: Context) -> None:
        attempts.append(ctx.attempt)
        await work()

    definition = Definition("own")
    definition.step("service.ask", retry=TWICE)
    sagas = await world.join(service)
    ending = await (await sagas.start(definition)).result(10)
    if work in {returns_at_once, swallows_it}:
        assert (ending.status, attempts) == ("completed", [1])
    else:
        assert (ending.status, attempts) == ("compensated", [1, 2])
        assert str(ending.reason).startswith("ask: given up after 2 failures: CancelledError")
