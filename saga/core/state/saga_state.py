"""The state of one saga, as its row stores it."""

from __future__ import annotations

from msgspec import Struct

from saga.core.definition.graph import Graph
from saga.core.state.letters import PENDING, QUARANTINED_LETTERS
from saga.core.state.phase import Phase


class State(Struct, frozen=True, array_like=True):
    """A saga as its row stores it: one letter per step; `deadline` in seconds since the epoch, on the store's clock."""

    phase: Phase
    vector: str
    rollback_requested: bool
    paused: bool
    deadline: float | None
    reason: str | None

    @property
    def is_stuck(self) -> bool:
        return not QUARANTINED_LETTERS.isdisjoint(self.vector)

    def with_deadline(self, deadline: float | None) -> State:
        """Returns the same state with this deadline."""
        return State(self.phase, self.vector, self.rollback_requested, self.paused, deadline, self.reason)


def initial_state(graph: Graph, *, now: float) -> State:
    """Returns a saga before its first event; the deadline counts from now."""
    seconds = graph.deadline_seconds
    return State(
        phase=Phase.RUNNING,
        vector=PENDING * len(graph.steps),
        rollback_requested=False,
        paused=False,
        deadline=None if seconds is None else now + seconds,
        reason=None,
    )
