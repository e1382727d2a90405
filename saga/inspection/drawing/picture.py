"""The contents of a drawing of a graph, before anything has a place: nodes with their states, edges forward and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from saga.core.definition.graph import Graph
from saga.core.definition.step import Call, Check, Step, StepKind
from saga.core.rules.pivot import is_pivot_passed
from saga.core.state.letters import (
    ANY_COMPENSATING,
    COMPENSATED,
    DISPATCHED,
    PENDING,
    QUARANTINED_LETTERS,
    SUCCEEDED,
    VOID,
)
from saga.core.state.phase import Phase
from saga.inspection.branch_words import branch_words, checking_words
from saga.inspection.drawing.marks import UNSURE, Mark, mark_of
from saga.inspection.drawing.undo import Undo, planned_undo, undo_edges, undo_of
from saga.inspection.step_wait import is_waiting
from saga.inspection.wording import letter_word
from saga.ports.saga_detail import CommandDetail, SagaDetail

Edge = tuple[int, int]
NO_MARK: Final = Mark("plain", "", "")


class Node(NamedTuple):
    """One step, or several that are folded into one. `key`: for addresses within a page. `line`: the smaller second line.

    `kind` gives it its shape. `terms`: when it runs or is skipped, if not simply after its predecessors.
    """

    key: str
    name: str
    line: str
    mark: Mark
    undo: Undo
    members: int = 1
    kind: StepKind = StepKind.CALL
    terms: str = ""

    @property
    def title(self) -> str:
        """Everything about it in one line, for readers of any kind."""
        return "; ".join(
            filter(None, (f"{self.name}: {self.mark.word}".removesuffix(": "), self.line, self.terms, self.undo_text))
        )

    @property
    def undo_text(self) -> str:
        return self.undo.words if self.undo.order is None else f"↶ {self.undo.order} {self.undo.words}"


@dataclass(frozen=True)
class Picture:
    """A graph to draw.

    `after`: the predecessors of each node. `dead`: the edges that nothing goes along any more. `back`: the edges of the rollback,
    with the nodes between, and whether the rollback is there now. `pivot_words`: how far the pivot is.
    """

    title: str
    nodes: tuple[Node, ...]
    after: tuple[tuple[int, ...], ...]
    dead: frozenset[Edge]
    back: dict[Edge, tuple[int, ...]]
    next_back: frozenset[Edge]
    pivot: int
    pivot_words: str


def picture_of_definition(graph: Graph) -> Picture:
    """A definition, with the order in which it would be rolled back."""
    undos = planned_undo(graph)
    nodes = tuple(_node(graph, step, NO_MARK, undo) for step, undo in zip(graph.steps, undos, strict=True))
    return Picture(
        title=f"Graph of {graph.name} version {graph.version}, with its rollback",
        nodes=nodes,
        after=tuple(step.after for step in graph.steps),
        dead=frozenset(),
        back=undo_edges(graph, [step for step, undo in enumerate(undos) if undo.kind != "none"]),
        next_back=frozenset(),
        pivot=graph.pivot,
        pivot_words="pivot" if graph.pivot >= 0 else "",
    )


def picture_of_saga(detail: SagaDetail) -> Picture:
    """A saga as it stands: what has happened, and what is undone, in which order."""
    graph, vector = detail.graph, detail.state.vector
    undos = undo_of(detail)
    marks = marks_of(detail)
    nodes = tuple(_node(graph, step, marks[position], undos[position]) for position, step in enumerate(graph.steps))
    edges = [(before, node) for node, step in enumerate(graph.steps) for before in step.after]
    back = undo_edges(graph, [step for step, undo in enumerate(undos) if undo.kind != "none"])
    return Picture(
        title=f"Graph of saga {detail.key or detail.saga}, with its rollback",
        nodes=nodes,
        after=tuple(step.after for step in graph.steps),
        dead=frozenset(edge for edge in edges if _is_dead(detail, edge[1])),
        back=back,
        next_back=frozenset(edge for edge in back if vector[edge[0]] in ANY_COMPENSATING),
        pivot=graph.pivot,
        pivot_words=_pivot_words(detail),
    )


def _node(graph: Graph, step: Step, mark: Mark, undo: Undo) -> Node:
    facts = [*branch_words(graph, step)]
    if isinstance(step, Call):
        line = " · ".join([step.service, step.mode.name.lower(), *(["read-only"] if step.read_only else [])])
    elif isinstance(step, Check):
        line = facts.pop(facts.index(checking_words(step)))
    else:
        line = facts.pop(0)  # the event or the moment that it waits for
    return Node(step.name, step.name, line, mark, undo, kind=step.kind, terms=" · ".join(facts))


def marks_of(detail: SagaDetail) -> list[Mark]:
    """The state of each step; for one that is under way, what its command does."""
    return [_mark(detail, position) for position in range(len(detail.graph.steps))]


def _mark(detail: SagaDetail, position: int) -> Mark:
    letter, command = detail.state.vector[position], detail.commands.get(position)
    mark = mark_of(letter_word(letter))
    if letter in QUARANTINED_LETTERS:
        return mark._replace(word="quarantined")
    if letter == COMPENSATED and not detail.graph.steps[position].compensation:
        return mark_of(
            letter_word(SUCCEEDED)
        )  # it cannot be undone, or need not: its success is all that people care about
    if letter != DISPATCHED:
        return mark
    if detail.state.phase is Phase.COMPENSATING:
        return Mark("finding", UNSURE, "outcome not known")
    if command is None:
        return mark
    if is_waiting(detail, position, command):
        return mark_of("waiting")
    return _under_way(mark, command)


def _under_way(mark: Mark, command: CommandDetail) -> Mark:
    if command.owner is not None:
        return mark._replace(word=f"running, attempt {command.deliveries}" if command.deliveries > 1 else "running")
    if command.failures:
        return Mark("running", "↻", f"retries, {command.failures} failure{'s' if command.failures > 1 else ''}")
    return Mark("running", "◷", "in the queue")


def _is_dead(detail: SagaDetail, target: int) -> bool:
    letter = detail.state.vector[target]
    return letter == VOID or (letter == PENDING and detail.state.phase is not Phase.RUNNING)


def _pivot_words(detail: SagaDetail) -> str:
    graph, vector = detail.graph, detail.state.vector
    if graph.pivot < 0:
        return ""
    if is_pivot_passed(graph, vector):
        return "pivot: passed"
    letter = vector[graph.pivot]
    return "pivot: not reached" if letter in {PENDING, VOID} else f"pivot: {letter_word(letter)}"
