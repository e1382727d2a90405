"""The outcomes of one saga that are committed together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from saga.core.condition.facts import Facts
from saga.core.definition.graph import Graph
from saga.core.rules.events import Event
from saga.core.state.saga_state import State
from saga.ports.values.write import Action
from saga.runtime.planning.outcome import Outcome


class OutcomeGroup(Struct):
    """Outcomes of one saga, and the row (`version`, `state`) on which they are decided.

    `extra`: events that come from outside a claim; `actions`: the requests of operators from which they come.
    `trace`: the trace of the saga, for a group without outcomes; otherwise the claims of its outcomes have it.
    `unclaimed`: the steps that no process has ever claimed, as the store last answered. It is None if the store was not asked.
    `facts`: what the store has recorded for conditions; None in the same way.
    `is_apart`: it is committed in a task of its own, since others must not wait for it.
    `settled` is resolved with `is_changed` (whether the committed decision changed the saga).
    """

    saga: UUID
    graph: Graph
    version: int
    state: State
    waiter: int | None
    store_clock: float
    outcomes: list[Outcome]
    extra: Sequence[Event] = ()
    wake_seconds: float | None = None
    conflicts: int = 0
    settled: list[asyncio.Future[bool]] = []
    is_changed: bool = False
    trace: str | None = None
    unclaimed: frozenset[int] | None = None
    facts: Facts | None = None
    actions: Sequence[Action] = ()
    is_apart: bool = False

    def rebase(self, version: int, state: State) -> None:
        """Moves it to another row of its saga. What was known of claims may have changed with it."""
        self.version, self.state, self.unclaimed, self.facts = version, state, None, None


def group_of(graph: Graph, outcome: Outcome) -> OutcomeGroup:
    """A group of one outcome."""
    claim = outcome.claim
    return OutcomeGroup(claim.saga, graph, claim.version, claim.state, claim.waiter, claim.store_clock, [outcome])
