"""E11: dispatches again what the current state of a saga calls for."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from saga.core.definition.graph import Graph
from saga.core.ids import uuid7_ms
from saga.core.rules import events as ev
from saga.core.rules.pivot import is_pivot_passed
from saga.core.state.letters import FROZEN, UNDER_WAY_LETTERS
from saga.core.state.mode import Mode
from saga.core.state.phase import Phase
from saga.errors import SagaError, Unavailable
from saga.logger import Logger, get_logger
from saga.ports.store import Store
from saga.ports.values.overdue import BEGINNING, OverdueSaga, Place
from saga.runtime.commit.outcome_queue import OutcomeQueue
from saga.runtime.definition_cache import DefinitionCache
from saga.runtime.planning.outcome_group import OutcomeGroup
from saga.runtime.planning.planner import DeadlinePolicy
from saga.runtime.planning.router import Router
from saga.runtime.timing.store_clock import StoreClock

OVERDUE_MAX: Final = 200
REDRIVE_SECONDS_MAX: Final = 3_600.0
PARKED_SECONDS_MAX: Final = 86_400.0
"""The same for a saga that only waits for events and for time: its commands have moments of their own."""
LATE_SECONDS: Final = 1.0  # a saga whose deadline has passed is redriven this often while deadlines are not enforced
NIL: Final = UUID(int=0)
UUID_TIMED: Final = 7  # the UUID version that carries the time of the start
SETTLED_SECONDS_MAX: Final = 15.0
"""Time for the commits of one look. The next look does not wait longer for a saga whose row is locked."""
FROM_BEGINNING_SECONDS: Final = 5.0
"""A walk through the overdue sagas begins this long after the last one at the earliest, and not before that one is through."""
OVERLAP_SECONDS: Final = 2.0
"""A commit that began before the end of the last look may still bring sagas that are overdue for this long."""


@dataclass(slots=True)
class Walk:
    """A walk through the overdue sagas, look by look, from the most overdue one to those that were overdue when it began.

    What a look has passed is not read by the next one: the store may have to pass much that is not overdue any more, but is still there.
    A walk that has begun goes to its end, however many sagas cannot be decided now. Behind its end, looks see what has become overdue
    since, until the next walk begins.
    """

    after: Place = BEGINNING
    began_at: float = -math.inf  # on the process's clock
    until: float = -math.inf  # where it ends, on the store's clock
    is_through: bool = True

    def place(self, clock: StoreClock) -> Place:
        """Returns where the next look begins."""
        if self.is_through and clock.monotonic() - self.began_at >= FROM_BEGINNING_SECONDS:
            self.after, self.is_through = BEGINNING, False
            self.began_at, self.until = clock.monotonic(), clock.now()
        return self.after

    def passed(self, found: Sequence[OverdueSaga], clock: StoreClock) -> None:
        """Goes on behind what a look has found."""
        is_full = len(found) == OVERDUE_MAX
        self.after = found[-1].place if is_full else (clock.now() - OVERLAP_SECONDS, NIL)
        self.is_through = self.is_through or not is_full or self.after[0] > self.until


@dataclass(frozen=True, slots=True)
class Redriver:
    """Redrives the sagas that involve the services of this process. The supervisor redrives those whose services are not running."""

    store: Store
    clock: StoreClock
    definitions: DefinitionCache
    outcomes: OutcomeQueue
    router: Router
    redrive_seconds: float
    deadlines: DeadlinePolicy
    _walks: tuple[Walk, Walk] = field(default_factory=lambda: (Walk(), Walk()))  # those of some services, those of all
    _log: Logger = field(default_factory=lambda: get_logger("saga.process"))

    async def run(self) -> None:
        """Redrives overdue sagas until cancelled."""
        while True:
            # Not all processes at once
            await self.clock.sleep(self.redrive_seconds / 6 * (0.5 + random.random()))  # noqa: S311
            if self.router.own_services:
                try:
                    await self.redrive(sorted(self.router.own_services))
                except SagaError as error:
                    self._log.warning("cannot redrive sagas", error=str(error))

    async def redrive(self, services: Sequence[str] | None) -> int:
        """Redrives overdue sagas that involve one of these services; None: all. Returns how many were found.

        A call continues where the last one ended, so that sagas which cannot be decided now do not keep the others waiting.
        """
        walk = self._walks[services is None]
        found = await self.store.overdue(OVERDUE_MAX, services, walk.place(self.clock))
        walk.passed(found, self.clock)
        await self.decide(found, _redrive_events)
        return len(found)

    async def decide(
        self, overdue: Sequence[OverdueSaga], events_for: Callable[[OverdueSaga], Sequence[ev.Event]]
    ) -> set[UUID]:
        """Decides each saga with the events that are made for it, and waits for the commits. Returns those that are decided now."""
        groups: list[OutcomeGroup] = []
        failed: list[tuple[UUID, Exception]] = []
        for saga in overdue:
            try:
                groups.append(await self.group_for(saga, events_for(saga)))
            except Exception as error:  # a definition of a newer build, a broken row: the others must not wait for it
                if type(error) is Unavailable:  # the store is away; its subclasses are about this saga alone
                    raise
                failed.append((saga.saga, error))
        if failed:
            first, why = failed[0]
            self._log.error("sagas cannot be redriven", sagas=len(failed), first=str(first), error=str(why))
        if not groups:
            return set()
        settling = {self.outcomes.settle(group): group.saga for group in groups}
        # A saga whose row is locked for long is committed later
        settled, _ = await asyncio.wait(settling, timeout=SETTLED_SECONDS_MAX)
        return {settling[future] for future in settled}

    async def group_for(self, saga: OverdueSaga, events: Sequence[ev.Event]) -> OutcomeGroup:
        """A group without outcomes, for events that come from outside a claim."""
        graph = await self.definitions.graph(saga.definition)
        return OutcomeGroup(
            saga=saga.saga,
            graph=graph,
            version=saga.version,
            state=saga.state,
            waiter=saga.waiter,
            store_clock=saga.store_clock,
            outcomes=[],
            trace=saga.trace,
            extra=events,
            wake_seconds=self._next_redrive(saga, graph, events),
        )

    def _next_redrive(self, saga: OverdueSaga, graph: Graph, events: Sequence[ev.Event]) -> float:
        """Seconds until the saga is redriven again: at its deadline at the latest, and after it at the same pace as before.

        A deadline that has passed while deadlines are not enforced is looked at again soon: the leader may have to extend it.
        Where commands are rows of the store none can be lost, and a saga that has waited for long is redriven rarely. A bus may lose a
        command of an old saga too, unless it is of a wait or a timer; and a saga that is being abandoned makes progress only by redrives.
        """
        now, state, seconds = saga.store_clock + self.clock.monotonic(), saga.state, self.redrive_seconds
        is_abandoned = state.phase is Phase.ABANDONING or any(isinstance(event, ev.Abandoned) for event in events)
        only_waits = _only_waits(graph, state.vector)
        if (self.router.queues_commands or only_waits) and saga.saga.version == UUID_TIMED and not is_abandoned:
            longest = PARKED_SECONDS_MAX if only_waits else REDRIVE_SECONDS_MAX
            seconds = min(max(seconds, now - uuid7_ms(saga.saga) / 1_000), longest)
        if state.deadline is None or state.phase is not Phase.RUNNING or is_pivot_passed(graph, state.vector):
            return seconds
        deadline = state.deadline + sum(event.by_seconds for event in events if isinstance(event, ev.Extended))
        if deadline <= now and (state.rollback_requested or self.deadlines.is_deadline_enforced()):
            return seconds
        return min(seconds, max(deadline - now, LATE_SECONDS))


def _only_waits(graph: Graph, vector: str) -> bool:
    """Returns whether each step that is under way is a wait or a timer."""
    under_way = [graph.steps[step].mode for step, letter in enumerate(vector) if letter in UNDER_WAY_LETTERS]
    return bool(under_way) and all(mode is Mode.ENGINE for mode in under_way)


def _redrive_events(saga: OverdueSaga) -> list[ev.Event]:
    quiet = [
        ev.Quiet(step)
        for step, letter in enumerate(saga.state.vector)
        if letter == FROZEN and step not in saga.claimed and step not in saga.unquiet
    ]
    return [*quiet, ev.Redriven(saga.held)]
