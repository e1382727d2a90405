"""The life of each step, forward and back, as the history of a saga tells it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, NamedTuple

from saga.core.definition.graph import Graph
from saga.core.rules.history_kind import HistoryKind
from saga.core.state.letters import (
    ACTIVE_LETTERS,
    ANY_COMPENSATING,
    ANY_DISPATCHED,
    COMPENSATED,
    DISPATCHED,
    FINISHED_LETTERS,
    HANDLED,
    PENDING,
    QUARANTINED_LETTERS,
    REJECTED,
    SUCCEEDED,
    UNDER_WAY_LETTERS,
    VOID,
)
from saga.core.state.phase import Phase
from saga.inspection.step_wait import is_waiting
from saga.ports.saga_detail import HistoryLine, SagaDetail


class Span(NamedTuple):
    """Some time in the life of a step, in seconds since the epoch. `kind`: queue, run, wait, pause, person, ok, rejected, undone or void.

    The history has the moment of an outcome, not that at which a process began: a span that ends with an outcome lasts from
    the dispatch, or from the failure before it.
    """

    kind: str
    begin: float
    end: float


@dataclass(slots=True)
class Row:
    """One step in one direction. `failures`: the moments of the attempts that failed."""

    step: int
    is_back: bool
    begin: float
    spans: list[Span] = field(default_factory=list)
    failures: list[float] = field(default_factory=list)

    @property
    def last(self) -> float:
        """Until when its spans reach."""
        return self.spans[-1].end if self.spans else self.begin

    def add(self, kind: str, end: float) -> None:
        self.spans.append(Span(kind, self.last, max(end, self.last)))


_BY_LETTER: Final = {SUCCEEDED: "ok", REJECTED: "rejected", HANDLED: "rejected", COMPENSATED: "undone", VOID: "void"}


def rows_of(detail: SagaDetail) -> list[Row]:
    """Returns a row for each step and direction that has begun, in the order in which they began."""
    rows: list[Row] = []
    open_rows: dict[int, Row] = {}
    before = PENDING * len(detail.graph.steps)
    for at, lines in _transactions(detail.history):
        vector = _vector_after(detail.graph, before, lines)
        _note_failures(open_rows, lines, at)
        for step in (step for step, letter in enumerate(vector) if letter != before[step]):
            _change(rows, open_rows, step, (before[step], vector[step]), at)
        before = vector
    for step, row in open_rows.items():
        if not detail.state.phase.is_terminal:
            _until_now(detail, row, detail.state.vector[step])
    return [row for row in rows if not _is_listening(detail, row)]


def _is_listening(detail: SagaDetail, row: Row) -> bool:
    """Tells whether it is a wait for an event that cancels the saga, which has not come: it lasts as long as the saga."""
    return row.step in detail.graph.cancelling and not {"ok", "undone", "person"} & {span.kind for span in row.spans}


def _transactions(history: Sequence[HistoryLine]) -> Iterator[tuple[float, list[HistoryLine]]]:
    """The lines of one transaction have the same time."""
    for at, lines in groupby(history, key=lambda line: line.at):
        yield at, list(lines)


def _vector_after(graph: Graph, before: str, lines: Iterable[HistoryLine]) -> str:
    """Where the lines do not have the vector, they are successes, which dispatch the steps that waited for them."""
    letters = list(before)
    for line in lines:
        if line.vector is not None:
            letters = list(line.vector)
        elif line.kind == HistoryKind.SUCCEEDED and line.step is not None:
            letters[line.step] = SUCCEEDED
            for follower in graph.successors[line.step]:
                is_ready = all(letters[each] in FINISHED_LETTERS for each in graph.steps[follower].after)
                if letters[follower] == PENDING and is_ready:
                    letters[follower] = DISPATCHED
    return "".join(letters)


def _note_failures(open_rows: dict[int, Row], lines: Iterable[HistoryLine], at: float) -> None:
    for line in lines:
        row = None if line.step is None else open_rows.get(line.step)
        if row is not None and line.kind == HistoryKind.FAILED:
            row.add("run" if not row.failures else "pause", at)
            row.failures.append(at)


def _change(rows: list[Row], open_rows: dict[int, Row], step: int, letters: tuple[str, str], at: float) -> None:
    old, new = letters
    is_back = new not in ANY_DISPATCHED
    row = open_rows.get(step)
    if row is not None and old in UNDER_WAY_LETTERS:
        is_success = old in ANY_DISPATCHED and new in ANY_COMPENSATING
        is_success |= new == COMPENSATED and not row.is_back  # there is nothing to undo
        kind = "person" if old in QUARANTINED_LETTERS else "ok" if is_success else _BY_LETTER.get(new, "run")
        if kind == "run" and row.failures:
            kind = "pause"
        row.add(kind, at)
        if new not in UNDER_WAY_LETTERS:
            del open_rows[step]
    if new in UNDER_WAY_LETTERS and (row is None or row.is_back != is_back):
        open_rows[step] = Row(step, is_back, at)
        rows.append(open_rows[step])
    elif old == PENDING and new == SUCCEEDED:  # dispatched and committed in one transaction
        rows.append(Row(step, is_back=False, begin=at, spans=[Span("ok", at, at)]))


def _until_now(detail: SagaDetail, row: Row, letter: str) -> None:
    command = detail.commands.get(row.step)
    if letter in QUARANTINED_LETTERS:
        row.add("person", detail.now)
    elif letter == DISPATCHED and is_waiting(detail, row.step, command):
        row.add("wait", detail.now)
    elif letter not in ACTIVE_LETTERS or (letter == DISPATCHED and detail.state.phase is Phase.COMPENSATING):
        row.add("pause", detail.now)
    elif command is not None and command.owner is None:
        due = detail.now if command.due_at is None else command.due_at
        if due > row.last:
            row.add("pause", min(due, detail.now))
        row.add("queue", detail.now)
    elif row.failures:
        row.add("pause", detail.now)
    else:
        row.add("run", detail.now)
