"""The working copy of a saga's state that one call of `decide` changes, event by event."""

from __future__ import annotations

from saga.core.condition.cel import Outcome
from saga.core.condition.facts import NO_FACTS, Facts
from saga.core.condition.question import Question
from saga.core.definition.graph import Graph
from saga.core.rules.history_kind import HistoryKind
from saga.core.state.called_for import operation_of
from saga.core.state.letters import DISPATCHED, PENDING
from saga.core.state.mode import Mode
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State


class Fold:
    """Phase, letters and flags as the rules leave them, the commands they sent and the history they noted.

    The rules are functions on a fold, one module a family. Of the commands, those that the final state still calls for
    become the commands of the decision. `commands` and `entries` hold the fields of Command and HistoryEntry. `before` is the
    vector before the first event; `unclaimed` are the steps whose commands no process has ever claimed, as far as is known; `facts`
    are what conditions read, `answers` what those came to, and `reasons` those of the rejections that were handled here.
    """

    __slots__ = (
        "answers",
        "before",
        "commands",
        "deadline",
        "enforce_deadline",
        "entries",
        "facts",
        "graph",
        "letters",
        "now",
        "paused",
        "phase",
        "reason",
        "reasons",
        "rollback_requested",
        "unclaimed",
    )

    def __init__(
        self, graph: Graph, state: State, now: float, *, enforce_deadline: bool, facts: Facts = NO_FACTS
    ) -> None:
        self.graph: Graph = graph
        self.phase: Phase = state.phase
        self.before: str = state.vector
        self.letters: list[str] = list(state.vector)
        self.unclaimed: frozenset[int] = frozenset()
        self.rollback_requested: bool = state.rollback_requested
        self.paused: bool = state.paused
        self.deadline: float | None = state.deadline
        self.reason: str | None = state.reason
        self.now: float = now
        self.enforce_deadline: bool = enforce_deadline
        self.facts: Facts = facts
        self.answers: list[tuple[Question, Outcome]] = []
        self.reasons: dict[int, str] = {}
        self.commands: dict[int, tuple[Operation, float]] = {}
        self.entries: list[tuple[HistoryKind, int, str | None]] = []

    def note(self, kind: HistoryKind, step: int, detail: str | None = None) -> None:
        self.entries.append((kind, step, detail))

    def note_saga(self, kind: HistoryKind, detail: str | None = None) -> None:
        self.entries.append((kind, -1, detail))

    def send(self, step: int, operation: Operation, after_seconds: float = 0.0) -> None:
        self.commands[step] = (operation, after_seconds)

    def operation(self, step: int) -> Operation | None:
        """Returns what the letter of this step calls for, paused or not."""
        return operation_of(self.phase, self.letters[step], self.graph.steps[step].mode)

    def is_never_claimed(self, step: int) -> bool:
        """G135: this external step is dispatched, and nothing of it can have begun."""
        if self.letters[step] != DISPATCHED or self.graph.steps[step].mode is not Mode.EXTERNAL:
            return False
        return step in self.unclaimed or self.before[step] == PENDING

    def quarantine(self, step: int, letter: str, detail: str) -> None:
        self.letters[step] = letter
        self.note(HistoryKind.QUARANTINED, step, detail)

    def end(self, phase: Phase, kind: HistoryKind) -> None:
        """E12: nothing changes after the end, so the pause ends too."""
        self.phase, self.paused = phase, False
        self.note_saga(kind)
