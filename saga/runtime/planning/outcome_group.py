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
from saga.errors import SagaError
from saga.ports.values.audit import Action
from saga.runtime.planning.outcome import Outcome


class OutcomeGroup(Struct):
    """Outcomes of one saga, and the row (`version`, `state`) on which they are decided.

    `extra`: events that come from outside a claim. `action`: that of an operator, from which they come. Its group is committed on
    the version that it was decided on, or not at all; `refusal`: the error with which the store refused it.
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
    action: Action | None = None
    refusal: SagaError | None = None
    is_apart: bool = False

    def rebase(self, version: int, state: State) -> None:
        """Moves it to another row of its saga. What was known of claims may have changed with it."""
        self.version, self.state, self.unclaimed, self.facts = version, state, None, None


def group_of(graph: Graph, outcome: Outcome) -> OutcomeGroup:
    """A group of one outcome."""
    claim = outcome.claim
    return OutcomeGroup(claim.saga, graph, claim.version, claim.state, claim.waiter, claim.store_clock, [outcome])
