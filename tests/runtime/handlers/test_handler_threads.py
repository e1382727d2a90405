"""Threads for synchronous handlers: as many as the participant allows, counted while they hang."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from uuid import UUID

import pytest

from saga import Definition, Participant, Retry
from saga.app import App
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.ports.values.claim import Claim
from saga.runtime.handlers import handler_threads
from saga.runtime.handlers.context import Context
from saga.runtime.handlers.handler_caller import HandlerCaller
from saga.runtime.handlers.handler_function import HandlerFunction
from saga.runtime.handlers.handler_threads import HandlerThreads
from saga.telemetry.health import Health
from saga.telemetry.metrics import Metrics
from saga.telemetry.pulse import Pulse
from tests.runtime.world import World, until

MANY = 100
ONCE = Retry(attempts=1)


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Handlers that hang wait for it; it is set at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


def hanging(service: str, concurrency: int, release: threading.Event) -> tuple[Participant, Definition, Definition]:
    """A participant with a step that hangs and a quick one, and a definition for each."""
    participant = Participant(service, concurrency=concurrency)

    @participant.step(external=True)
    def hang() -> None:
        release.wait()

    @participant.step(external=True, read_only=True)
    def quick() -> str:
        return "quick"

    hung, fine = Definition(f"{service}_hung"), Definition(f"{service}_fine")
    hung.step(f"{service}.hang", timeout="50ms", retry=ONCE, pivot=True)
    fine.returns(fine.step(f"{service}.quick", timeout="5s", retry=ONCE).output)
    return participant, hung, fine


def is_alive(app: App) -> bool:
    return Health(app.process, Pulse(app.process.clock, Metrics()), None).liveness().is_good


def context() -> Context:
    claim = Claim(
        saga=UUID(int=1), step=0, operation=Operation.EXECUTE, number=1, definition=1, version=1, waiter=None,
        state=State(Phase.RUNNING, "D", rollback_requested=False, paused=False, deadline=None, reason=None),
        input=b"{}", results={}, deliveries=1, failures=0, first_failed_ago=0.0, lease_ends=0.0, quiet_at=0.0,
        progress=None, store_clock=0.0,
    )  # fmt: skip
    return Context(claim, "step")


async def test_as_many_synchronous_handlers_run_at_once_as_their_participant_allows(any_world: World) -> None:
    service, everybody = Participant("service", concurrency=MANY), threading.Barrier(MANY)

    @service.step(external=True, read_only=True)
    def meet() -> None:
        everybody.wait(10)

    definition = Definition("meeting")
    definition.step("service.meet", timeout="20s", retry=ONCE)
    sagas = await any_world.join(service)
    handles = [await sagas.start(definition) for _ in range(MANY)]
    assert Counter([(await handle.result(30)).status for handle in handles]) == {"completed": MANY}


async def test_handlers_that_hang_do_not_starve_another_participant(any_world: World, release: threading.Event) -> None:
    bad, hung, _ = hanging("bad", 3, release)
    good, _, fine = hanging("good", 3, release)
    sagas = await any_world.join(bad, good)
    for _ in range(5):
        await sagas.start(hung)
    await until(lambda: sagas.process.services.hung() == ["bad"], "every handler of one participant hangs")
    assert not is_alive(sagas)
    handles = [await sagas.start(fine) for _ in range(10)]
    assert [(await handle.result(10)).value for handle in handles] == ["quick"] * 10


async def test_a_participant_whose_handlers_all_hang_accepts_nothing_until_one_is_free(
    any_world: World, release: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    participant, hung, fine = hanging("service", 2, release)
    sagas = await any_world.join(participant)
    process = sagas.process
    for _ in range(3):
        await sagas.start(hung)
    await until(lambda: process.services.hung() == ["service"], "every handler hangs")
    waiting = await sagas.start(fine)
    assert process.services.hung_handlers() == {"service": 2}
    await until(lambda: process.intake.in_flight == 0, "no claim is held")
    held = (await sagas.snapshot(waiting.id)).claimed
    assert (held, is_alive(sagas)) == (frozenset(), False)

    release.set()
    assert (await waiting.result(10)).value == "quick"
    await until(lambda: process.services.hung_handlers() == {"service": 0}, "the hung handlers have ended")
    assert is_alive(sagas)
    out = caplog.text
    assert "handler goes on in its thread" in out
    assert "all handlers hang, accepting no commands" in out


async def test_the_commands_of_hung_handlers_go_to_another_process(any_world: World, release: threading.Event) -> None:
    participant, hung, _ = hanging("service", 1, release)
    healthy, _, fine = hanging("service", 1, release)
    sick = await any_world.join(participant)
    await sick.start(hung)
    await until(lambda: sick.process.services.hung() == ["service"], "its handler hangs")
    await any_world.join(healthy)
    handles = [await sick.start(fine) for _ in range(5)]
    assert [(await handle.result(10)).value for handle in handles] == ["quick"] * 5


async def test_the_timeout_counts_from_when_the_handler_begins(release: threading.Event) -> None:
    threads = HandlerThreads("service", lambda _: None)
    caller, running = HandlerCaller(threads), context()
    thread = await threads.acquire()
    threads.begin(thread, release.wait, running)
    threads._idle.append(thread)  # the next handler waits until this thread is free
    asyncio.get_running_loop().call_later(0.3, release.set)
    function = HandlerFunction(lambda: "in time", "service.step", values=0)
    assert await caller.call(function, (), running, 0.1) == "in time"
    threads.close()


async def test_a_handler_waits_while_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = [RuntimeError("can't start new thread")] * 2
    start = threading.Thread.start

    def refuse_first(thread: threading.Thread) -> None:
        if refusals:
            raise refusals.pop()
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse_first)
    monkeypatch.setattr(handler_threads, "RETRY_SECONDS", 0.01)
    threads = HandlerThreads("service", lambda _: None)
    function = HandlerFunction(lambda: 7, "service.step", values=0)
    assert await HandlerCaller(threads).call(function, (), context(), 0.1) == 7
    assert not refusals
    threads.close()


def test_a_handler_that_hangs_does_not_keep_the_program_from_ending(release: threading.Event) -> None:
    async def main() -> threading.Thread:
        threads = HandlerThreads("service", lambda _: None)
        function = HandlerFunction(lambda: release.wait(), "service.step", values=0)  # noqa: PLW0108 (its timeout is no input)
        with pytest.raises(TimeoutError):
            await HandlerCaller(threads).call(function, (), context(), 0.01)
        threads.close()
        return next(each for each in threading.enumerate() if each.name.startswith("saga-handler_service_"))

    thread = asyncio.run(main())
    assert thread.daemon
    release.set()
    thread.join(10)
    assert not thread.is_alive()
