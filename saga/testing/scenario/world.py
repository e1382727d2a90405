"""The world of a harness: its store, its processes, its time."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable, Coroutine, Iterable
from itertools import islice
from typing import Any, Final, TypeVar
from uuid import UUID

from saga.authoring import Definition
from saga.core.rules.history_kind import HistoryKind
from saga.core.state.phase import Phase
from saga.errors import UsageError
from saga.memory.data.database import Database, SagaRow
from saga.memory.journal import ServiceDatabase
from saga.memory.reading.saga_detail import case_of
from saga.ports.saga_detail import SagaDetail
from saga.runtime.handlers.participant import STORE
from saga.runtime.handlers.time_limit import stop
from saga.settings import Settings
from saga.testing.clocks.virtual_loop import OUTSIDE
from saga.testing.scenario.calls import Call, Outcome
from saga.testing.scenario.inner_loop import SEED, InnerLoop, Nothing
from saga.testing.scenario.process import TEN_YEARS_SECONDS, HarnessApp, LoopClock, SimulatedProcess
from saga.testing.scenario.services import Given, Services

Result = TypeVar("Result")
LEAP_SECONDS_MAX: Final = 4.0
"""The longest leap while a handler runs: less than the silence after which a leader counts as away."""
LEAPS_PER_LEASE: Final = 4
"""A lease is renewed this often at least while a handler runs."""
SETTLE_SECONDS: Final = 8.0
"""A leap ends this long before a deadline, so that each process has seen the leader again when it has passed."""
FAR_SECONDS: Final = TEN_YEARS_SECONDS / 2
"""A moment that is further away is never waited for."""
IDLE_SECONDS: Final = 40.0
"""When this much time has passed without any change, and nothing is due later, nothing will ever happen."""
VAIN_CALLS_MAX: Final = 50
"""When handlers are called more often than this and no saga gets on, time leaps to the next deadline; without one, nothing will happen."""
VAIN_LEAPS_MAX: Final = 1_000
"""The same for leaps without a call, such as those to a command whose input its handler refuses."""

STORE_URL: Final = "memory://store"


class World:
    """One process that starts sagas and leads, one that serves the participants, and what they share."""

    def __init__(self, definition: Definition, given: Iterable[Given], settings: Settings) -> None:
        self.calls: list[Call] = []
        self.services: Services = Services(definition, given, self, STORE_URL)
        self._definition = definition
        self._running: dict[int, tuple[Call, asyncio.Task[Any]]] = {}
        self._left: list[asyncio.Task[Any]] = []  # those of dead processes
        self._refusal: str | None = None
        self._settings = settings
        self._loop = InnerLoop(self, self.refuse)
        self._clock = LoopClock(self._loop)
        self.database: Database = Database(self._clock, time.time())
        self._ids = random.Random(SEED)  # noqa: S311 (the same in every run)
        self._databases = {
            participant.database: ServiceDatabase()
            for participant in self.services.participants.values()
            if participant.database not in (None, STORE)
        }
        self._boots = 0
        self._desk = SimulatedProcess("desk", self._loop, self.database, self._clock, settings)
        self._worker = self._desk  # until it is booted
        self._lines_seen = self._calls_seen = 0
        self._changed_at = 0.0
        self._vain_leaps = self._vain_calls = 0

    # -- for the harness ----------------------------------------------------------------------------------------

    def open(self) -> None:
        """Boots its processes, and registers the definition. Raises what they raise."""
        desk = self._desk.boot((), {}, self._new_id, leads=True)
        self._loop.run_until(desk.done)
        desk.result()
        worker = self._boot_worker()
        self._loop.run_until(worker.done)
        worker.result()
        self.perform(self.app.register(self._definition))

    def close(self) -> None:
        """Ends everything."""
        for task in (*self._left, *(task for _, task in self._running.values())):
            stop(task)
        self._loop.end_apart()

    @property
    def app(self) -> HarnessApp:
        """The process that starts sagas and acts for operators."""
        assert self._desk.app is not None
        return self._desk.app

    def rows(self, service: str) -> dict[str, object]:
        """The rows that the steps of a service have written. Raises UsageError."""
        participant = self.services.participants.get(service)
        if participant is None or participant.database is None:
            raise UsageError(f"the harness has no participant {service} with a database")
        return self.database.rows if participant.database == STORE else self._databases[participant.database].rows

    def perform(self, work: Coroutine[None, None, Result]) -> Result:
        """Runs a coroutine of the production code to its end."""
        task = self._loop.create_task(work)
        try:
            self.run_until(task.done)
        except BaseException:
            task.cancel()
            raise
        return task.result()

    def run_until(self, is_enough: Callable[[], bool]) -> None:
        """Lets time pass until a condition holds.

        Raises:
            Nothing: it will never hold.
            UsageError: a handler uses what a harness does not have.
        """
        self._changed_at, self._vain_leaps, self._vain_calls = self._loop.time(), 0, 0
        self._loop.run_until(lambda: self._refusal is not None or is_enough())
        if self._refusal is not None:
            message, self._refusal = self._refusal, None
            raise UsageError(message)

    def advance(self, seconds: float) -> None:
        """Lets this much time pass."""
        until = self._loop.time() + seconds
        self._loop.call_at(until, _nothing)
        self.run_until(lambda: self._loop.time() >= until)

    def row(self, saga: UUID) -> SagaRow:
        """The row of a saga, as committed."""
        return self.database.sagas[saga]

    def detail(self, saga: UUID) -> SagaDetail:
        """Everything about a saga."""
        return case_of(self.database, self.row(saga))

    # -- for handlers -------------------------------------------------------------------------------------------

    def begun(self, call: Call) -> None:
        """A handler was called."""
        task = asyncio.current_task()
        assert task is not None
        self.calls.append(call)
        self._running[id(call)] = call, task

    def ended(self, call: Call) -> None:
        """A handler has answered, or was cut off."""
        self._running.pop(id(call), None)

    def crash(self) -> None:
        """Kills the process that serves the participants. Another one takes over."""
        for call, task in self._running.values():
            call.outcome = Outcome.CRASHED
            self._left.append(task)
        self._running.clear()
        self._worker.kill()
        self._loop.call_later(0, self._boot_worker, context=OUTSIDE.copy())  # not in the context of the dead one

    def refuse(self, message: str) -> None:
        """Fails the test: it uses what a harness does not have."""
        self._refusal = self._refusal or message

    def seconds(self) -> float:
        """The virtual time since the harness was opened."""
        return self._loop.time()

    # -- for the event loop -------------------------------------------------------------------------------------

    def leap_to(self, handler_at: float, test_at: float) -> float:
        """Returns the time up to which nothing but ticks can happen. Raises Nothing."""
        now = self._loop.time()
        self._note_progress(now)
        if self._running:
            return min(handler_at, test_at, now + min(LEAP_SECONDS_MAX, self._settings.lease / LEAPS_PER_LEASE))
        command_at, wake_at = self._command_at(), self._wake_at()
        due_at = min(command_at, wake_at)
        if due_at <= now and now - self._changed_at <= IDLE_SECONDS:
            return now  # a heartbeat will see it
        if due_at <= now or due_at > FAR_SECONDS:
            return self._after_all(test_at, now)
        self._vain_leaps += 1
        is_vain = self._vain_leaps > VAIN_LEAPS_MAX or self._vain_calls > VAIN_CALLS_MAX
        if is_vain and test_at == math.inf and not self._has_time_to_wait_for():
            raise Nothing
        settled_at = max(wake_at - SETTLE_SECONDS, now)
        return min(test_at, settled_at) if is_vain else min(test_at, command_at, settled_at)

    def _after_all(self, test_at: float, now: float) -> float:
        """No saga has anything to do. Only the test itself may still wait for a time."""
        if test_at == math.inf and now - self._changed_at > IDLE_SECONDS:
            raise Nothing
        return now if test_at == math.inf else test_at

    def _note_progress(self, now: float) -> None:
        history, calls = self.database.history, len(self.calls)
        if len(history) > self._lines_seen or calls > self._calls_seen:
            self._changed_at, self._vain_leaps = now, 0
        new = islice(reversed(history), len(history) - self._lines_seen)
        has_progress = any(line.entry.kind != HistoryKind.FAILED for line in new)
        self._vain_calls = 0 if has_progress else self._vain_calls + calls - self._calls_seen
        self._lines_seen, self._calls_seen = len(history), calls

    def _has_time_to_wait_for(self) -> bool:
        """True while a saga that goes forward has a deadline or a timer ahead. The end of a compensation budget ends nothing."""
        rows = [row for row in self.database.sagas.values() if row.state.phase is Phase.RUNNING]
        if any(command.until is not None for row in rows for command in self.database.commands.of_saga(row.id)):
            return True
        return any(row.wake_at is not None and row.wake_at < FAR_SECONDS for row in rows)

    def _command_at(self) -> float:
        """The time at which a command is due next."""
        at = self.database.commands.first_due_at()
        return math.inf if at is None else at

    def _wake_at(self) -> float:
        """The time at which a saga has to be decided next: its deadline, a timer of its own."""
        for row in self.database.sagas.values():
            if row.state.phase is Phase.ABANDONING:  # it makes progress only by redrives
                soon = self._loop.time() + self._settings.redrive
                self.database.wake_at(row, soon if row.wake_at is None else min(row.wake_at, soon))
        at = self.database.wake.first_at()
        return min(math.inf if at is None else at, self._until_at())

    def _until_at(self) -> float:
        """The first moment for which a command of a saga is parked."""
        commands = (
            command for row in self.database.sagas.values() for command in self.database.commands.of_saga(row.id)
        )
        moments = (each.until - self.database.epoch for each in commands if each.until is not None)
        return min((at for at in moments if at > self._loop.time()), default=math.inf)

    def _boot_worker(self) -> asyncio.Future[None]:
        self._boots += 1
        name = f"worker {self._boots}"
        self._worker = SimulatedProcess(name, self._loop, self.database, self._clock, self._settings)
        participants = list(self.services.participants.values())
        return self._worker.boot(participants, self._databases, self._new_id, leads=False)

    def _new_id(self) -> UUID:
        return UUID(int=self._ids.getrandbits(128), version=4)


def _nothing() -> None:
    """A moment at which time stands still for a while."""
