"""Watches the inbox: what was consumed by which step, and whether waits and timers ended as they may."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from typing import Final
from uuid import UUID

from msgspec.json import decode

from saga.core.definition.graph import Graph
from saga.core.definition.step import Call, Timer, Wait
from saga.core.state.phase import Phase
from saga.memory.data.database import SagaRow
from saga.memory.data.inbox import InboxRow, InboxRows
from saga.ports.inbox import InboxEvent
from saga.ports.values.claim import CommandRef
from saga.runtime.leader_watch import LEADER_SILENT_SECONDS
from saga.runtime.steps.completion import Completion
from tests.simulation.worlds.database import WatchedDatabase
from tests.simulation.worlds.definitions import OTHERWISE
from tests.simulation.worlds.observer import Observer

TIMEOUTS, CONSUMED, COMPLETED, CANCELLED = "timeouts", "events consumed", "completions consumed", "sagas cancelled"
FIRED, SKIPPED, OVERLOOKED, REPEATED = "timers fired", "timers skipped", "wakes overlooked", "events repeated"
EXTENDED = "timeouts extended"
OTHERWISE_TAKEN, HANDLED, EARLY = "timeouts with another value", "timeouts handled", "events before their wait"
REJECTED, FAILED = "completions that rejected", "completions that failed"
SUCCEEDED: Final = "SZ"
"""The letters of a step that has succeeded; Z: the rollback that the same write began has undone it, which takes nothing."""
WAITS_DUE: Final = {
    CONSUMED: 150, EXTENDED: 25, TIMEOUTS: 200, FIRED: 250, SKIPPED: 20, CANCELLED: 6, COMPLETED: 80, OVERLOOKED: 70, REPEATED: 70,
    OTHERWISE_TAKEN: 100, HANDLED: 90, EARLY: 30, REJECTED: 25, FAILED: 15,
}  # fmt: skip
"""The number of times that each must have happened in 100 seeds."""
OUTCOMES: Final = frozenset(("DS", "DZ", "DR", "DH", "Dd"))
EARLY_SECONDS: Final = 1e-6
"""The time that the conversion between two clocks may lose."""


class CountedInbox(InboxRows):
    """Counts the sagas that nobody had woken when a process looked for them."""

    def __init__(self, counts: Counter[str]) -> None:
        super().__init__()
        self._counts = counts

    def unwoken(self, limit: int) -> list[UUID]:
        found = super().unwoken(limit)
        self._counts[OVERLOOKED] += len(found)
        return found


class InboxWatch:
    """Compares what each transaction consumes with the letters that it changes (W1, W3 to W6)."""

    def __init__(self, database: WatchedDatabase, observer: Observer) -> None:
        self.counts: Counter[str] = Counter()
        self._database = database
        self._observer = observer
        self._taken: dict[tuple[UUID, str], int] = {}  # the step that has consumed an event
        self._ended: set[tuple[UUID, int]] = set()  # waits that have an outcome
        self._moments: dict[tuple[UUID, int], float] = {}  # on the store's clock
        self._began_at: dict[tuple[UUID, int], float] = {}  # of waits and timers, too
        database.inbox = CountedInbox(self.counts)

    def committed(self, saga: UUID, row: SagaRow, before: str) -> None:
        """Checks a transaction that has changed, or left, the row of a saga."""
        graph = self._database.definitions[row.definition].graph
        consumed = self._consumed(saga, graph)
        for step, event in consumed.items():
            self._check_consumption(saga, row, step, before, event)
        for step, (old, new) in enumerate(zip(before, row.state.vector, strict=True)):
            if old != new:
                self._check_change(saga, row, step, old + new, consumed.get(step))

    def _consumed(self, saga: UUID, graph: Graph) -> dict[int, InboxEvent]:
        """The events that this transaction has consumed, by step."""
        found: dict[int, InboxEvent] = {}
        for kept in self._database.inbox.of_saga(saga):
            key = saga, kept.event.event
            taken = self._taken.get(key)
            if kept.step in (None, taken):
                continue
            if taken is not None or kept.step in found:
                self._broken("W1", saga, f"the event {kept.event.event} of step {kept.step} was consumed by {taken}")
                continue
            self._taken[key] = kept.step
            found[kept.step] = kept.event
            if isinstance(graph.steps[kept.step], Call):
                completion = decode(kept.event.payload, type=Completion)
                self.counts[COMPLETED] += 1
                self.counts[REJECTED] += completion.rejected is not None
                self.counts[FAILED] += completion.failed is not None
            else:
                self.counts[CONSUMED] += 1
                self.counts[EARLY] += kept.at < self._began_at.get((saga, kept.step), 0.0)
        return found

    def _check_consumption(self, saga: UUID, row: SagaRow, step: int, before: str, event: InboxEvent) -> None:
        name, old, new = self._name(row, step), before[step], row.state.vector[step]
        if isinstance(self._graph(row).steps[step], Call):
            if old == new or new in "VN":
                self._broken("W4", saga, f"{name} went from {old} to {new}, and has consumed {event.event}")
        elif old != "D" or new not in SUCCEEDED:
            self._broken("W4", saga, f"{name} went from {old} to {new}, and has consumed {event.event}")

    def _check_change(self, saga: UUID, row: SagaRow, step: int, change: str, event: InboxEvent | None) -> None:
        match self._graph(row).steps[step]:
            case Timer() as timer:
                self._began(saga, step, change, timer.pause_ms)
                self.counts[FIRED] += change == "DS"
                self.counts[SKIPPED] += change == "DN"
                if change == "DS":
                    self._check_moment(saga, row, step)
            case Wait() as wait:
                self._began(saga, step, change, wait.wait_ms)
                if change in OUTCOMES:
                    self._check_outcome(saga, row, step, wait, event)
            case _:
                pass

    def _began(self, saga: UUID, step: int, change: str, pause_ms: int | None) -> None:
        if change == "PD":
            began_at = self._began_at.setdefault((saga, step), self._database.now())
            if pause_ms is not None:
                self._moments.setdefault((saga, step), began_at + pause_ms / 1000)

    def _check_outcome(self, saga: UUID, row: SagaRow, step: int, wait: Wait, event: InboxEvent | None) -> None:
        name, letter = self._name(row, step), row.state.vector[step]
        if (saga, step) in self._ended:
            self._broken("W3", saga, f"{name} has another outcome, {letter}")
        if letter != "d":
            self._ended.add((saga, step))
        result = row.results.get(step)
        output = None if result is None or result.value is None else decode(result.value)
        if event is None:
            self.counts[TIMEOUTS] += 1
            self.counts[OTHERWISE_TAKEN] += wait.otherwise is not None
            self.counts[HANDLED] += letter == "H"
            self._check_timeout(saga, row, step, wait)
            if letter not in SUCCEEDED:
                return
            wanted: object = OTHERWISE if wait.otherwise is not None else "an event"
        else:
            payload = decode(event.payload)
            wanted = payload if len(wait.names) == 1 else {"event": event.name, "payload": payload}
            self.counts[CANCELLED] += wait.cancels and row.state.phase is not Phase.RUNNING
        if output != wanted:
            self._broken("W1", saga, f"{name} has the output {output}, and not {wanted}")

    def _check_timeout(self, saga: UUID, row: SagaRow, step: int, wait: Wait) -> None:
        self._check_moment(saga, row, step)
        self._check_silence(saga, row, step)
        moment = self._moments.get((saga, step), 0.0)
        there = [each for each in self._database.inbox.of_saga(saga) if self._was_there(each, wait, moment)]
        if there:
            self._broken("W5", saga, f"{self._name(row, step)} timed out, and {there[0].event.event} was there")

    def _check_silence(self, saga: UUID, row: SagaRow, step: int) -> None:
        """W6: a timeout that passed while every leader was away is recorded only after a leader has moved it.

        A process that was suspended may record a timeout after it was moved, if that had passed while a leader was seen.
        """
        first = self._moments.get((saga, step), 0.0) + self._database.epoch
        moved = self._database.watched.moved.get(CommandRef(saga, step), [])
        if not any(self._is_lawful(moment) for moment in (first, *moved)):
            self._broken("W6", saga, f"{self._name(row, step)} timed out while every leader was away")

    def _is_lawful(self, moment: float) -> bool:
        """Tells whether a timeout of this moment may count: a leader was seen, or is seen again and had moved the earlier ones before."""
        led_at, n = self._database.led_at, bisect_right(self._database.led_at, moment)
        if n == 0 or moment - led_at[n - 1] <= LEADER_SILENT_SECONDS:
            return True
        moves = [at for at in self._database.watched.moved_at if n < len(led_at) and led_at[n - 1] < at <= led_at[n]]
        return bool(moves) and moves[-1] < moment

    def _was_there(self, kept: InboxRow, wait: Wait, moment: float) -> bool:
        """Tells whether an event that nobody has consumed was there when the time was over."""
        return kept.step is None and kept.event.name in wait.names and kept.at <= moment

    def _check_moment(self, saga: UUID, row: SagaRow, step: int) -> None:
        early = self._moments.get((saga, step), float("inf")) - self._database.now()
        if early > EARLY_SECONDS:
            self._broken("W5", saga, f"the time of {self._name(row, step)} is over {early:.3f} s before its moment")

    def _graph(self, row: SagaRow) -> Graph:
        return self._database.definitions[row.definition].graph

    def _name(self, row: SagaRow, step: int) -> str:
        return self._graph(row).steps[step].name

    def _broken(self, invariant: str, saga: UUID, text: str) -> None:
        self._observer.broken(invariant, f"saga {self._observer.sagas[saga].number}: {text}")
