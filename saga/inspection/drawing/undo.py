"""The undoing of each step: its place in the order of a rollback, how far it has come, or why nothing of it is undone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from saga.core.definition.graph import Graph
from saga.core.definition.step import Call, Step
from saga.core.rules.backward import FOUND_NOTHING
from saga.core.rules.history_kind import HistoryKind
from saga.core.rules.pivot import is_pivot_passed
from saga.core.state.letters import (
    ANY_COMPENSATING,
    ANY_RESOLVING,
    ANY_VOIDING,
    COMPENSATED,
    FINISHED_LETTERS,
    HANDLED,
    PENDING,
    QUARANTINED_LETTERS,
    REJECTED,
    SKIPPED,
    SUCCEEDED,
    UNKNOWN,
    VOID,
)
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.inspection.rollback_preview import RollbackPreview, UndoAction, preview_rollback
from saga.inspection.step_reason import Undone, undone_of
from saga.ports.saga_detail import SagaDetail


class Undo(NamedTuple):
    """The undoing of a step.

    `kind`: none, waits, acts, done or person. `order`: its place in the rollback; steps that are undone at one time share it.
    None: nothing is undone, or the history of it has been deleted. `words`: its state, or the reason why there is nothing to undo.
    """

    kind: str
    order: int | None
    words: str


_DONE_KINDS: Final = frozenset((HistoryKind.COMPENSATED, HistoryKind.OPERATOR_UNDONE, HistoryKind.LATE_COMPENSATION))
_PLANNED: Final = {
    UndoAction.COMPENSATE: "compensation",
    UndoAction.FIND_OUT: "find out, compensate",
    UndoAction.COMPENSATE_OR_FORBID: "compensate or forbid",
    UndoAction.AWAIT_PIVOT: "waits for the outcome",
}
_WITHOUT_EFFECT: Final = {REJECTED: "rejected", HANDLED: "rejected", VOID: "void", SKIPPED: "skipped"}


def planned_undo(graph: Graph) -> list[Undo]:
    """The undoing of each step of a definition, as if all before the pivot had succeeded."""
    behind = behind_pivot(graph)
    vector = "".join(PENDING if step in behind else SUCCEEDED for step in range(len(graph.steps)))
    state = State(Phase.RUNNING, vector, False, False, None, None)  # noqa: FBT003 (the fields of a row)
    preview = preview_rollback(graph, state, now=0.0)
    orders = dict(_orders(preview, 1))
    found: list[Undo] = []
    for step, call in enumerate(graph.steps):
        if step in behind:
            found.append(Undo("none", None, "only forward"))
        elif call.compensation:
            found.append(Undo("waits", orders.get(step), "compensation"))
        else:
            found.append(_without_effect(call) if call.read_only else Undo("none", None, "stays: no compensation"))
    return found


def undo_of(detail: SagaDetail) -> list[Undo]:
    """The undoing of each step of a saga: what has been done, and what the rules have planned from here on."""
    preview = preview_rollback(detail.graph, detail.state, now=detail.now, unclaimed=detail.unclaimed)
    orders = _done(detail)
    orders |= _orders(preview, max(orders.values(), default=0) + 1)
    actions = {each.step: each.undo for stage in preview.stages for each in stage}
    is_going_back = detail.state.phase is Phase.COMPENSATING
    awaited = _awaited(detail.graph, actions) if is_going_back else {}
    found: list[Undo] = []
    for step, letter in enumerate(detail.state.vector):
        order = orders.get(step)
        if letter == COMPENSATED:
            found.append(_compensated(detail, step, order))
        elif letter in QUARANTINED_LETTERS and is_going_back:
            found.append(Undo("person", order, f"quarantined{_failures(detail, step)}"))
        elif letter in ANY_COMPENSATING | ANY_RESOLVING | ANY_VOIDING and not detail.state.phase.is_terminal:
            word = "compensating" if letter in ANY_COMPENSATING else "finding out"
            found.append(Undo("acts", order, f"{word}{_failures(detail, step)}"))
        elif step in actions:
            found.append(Undo("waits", order, awaited.get(step, "waits") if is_going_back else _PLANNED[actions[step]]))
        else:
            found.append(Undo("none", None, _reason(detail, step, letter)))
    return found


def behind_pivot(graph: Graph) -> frozenset[int]:
    """The pivot, and the steps that come after it."""
    found = {graph.pivot} if graph.pivot >= 0 else set()
    waiting = list(found)
    while waiting:
        new = [step for step in graph.successors[waiting.pop()] if step not in found]
        found.update(new)
        waiting.extend(new)
    return frozenset(found)


def undo_edges(graph: Graph, undone: Iterable[int]) -> dict[tuple[int, int], tuple[int, ...]]:
    """The order of a rollback as edges between steps that are undone, from each to those that come next.

    The value is the way back: the steps between, of which nothing is undone. There is no edge for an order that follows from others.
    """
    stops = frozenset(undone)
    found: dict[tuple[int, int], tuple[int, ...]] = {}
    earlier: dict[int, int] = {}  # the steps that are undone after this one, as bits
    for step in (each for each in reversed(graph.downward) if each in stops):
        reach = _next_undone(graph, step, stops)
        implied = 0
        for target in reach:
            implied |= earlier[target]
        found |= {(step, target): way for target, way in reach.items() if not implied >> target & 1}
        earlier[step] = implied
        for target in reach:
            earlier[step] |= 1 << target
    return found


def _next_undone(graph: Graph, step: int, stops: frozenset[int]) -> dict[int, tuple[int, ...]]:
    found: dict[int, tuple[int, ...]] = {}
    waiting: list[tuple[int, tuple[int, ...]]] = [(before, ()) for before in graph.steps[step].after]
    seen: set[int] = set()
    while waiting:
        node, way = waiting.pop(0)
        if node in seen:
            continue
        seen.add(node)
        if node in stops:
            found[node] = way
        else:
            waiting.extend((before, (*way, node)) for before in graph.steps[node].after)
    return found


def _orders(preview: RollbackPreview, first: int) -> Iterator[tuple[int, int]]:
    for order, stage in enumerate(preview.stages, first):
        yield from ((each.step, order) for each in stage)


def _done(detail: SagaDetail) -> dict[int, int]:
    """The order of the compensations that the history shows."""
    times: dict[int, float] = {}
    for line in detail.history:
        is_real = line.kind in _DONE_KINDS and line.detail != FOUND_NOTHING
        if line.step is not None and is_real and detail.state.vector[line.step] == COMPENSATED:
            times[line.step] = line.at
    ranks = {at: order for order, at in enumerate(sorted(set(times.values())), 1)}
    return {step: ranks[at] for step, at in times.items()}


def _compensated(detail: SagaDetail, step: int, order: int | None) -> Undo:
    if detail.graph.steps[step].read_only:
        return _without_effect(detail.graph.steps[step])
    match undone_of(detail, step):
        case Undone.NO_COMPENSATION:
            return Undo("none", None, "stays: no compensation")
        case Undone.NO_EFFECT:
            return _nothing("had no effect")
        case Undone.COMPENSATED:
            return Undo("done", order, "compensated")


def _awaited(graph: Graph, undone: Iterable[int]) -> dict[int, str]:
    """Says of each step that is still to be undone which ones are undone before it."""
    names: dict[int, list[str]] = {}
    for later, earlier in undo_edges(graph, undone):
        names.setdefault(earlier, []).append(graph.steps[later].name)
    return {
        step: f"waits for {found[0] if len(found) == 1 else f'{len(found)} steps'}" for step, found in names.items()
    }


def _failures(detail: SagaDetail, step: int) -> str:
    command = detail.commands.get(step)
    count = 0 if command is None else command.failures
    return f", {count} failure{'s' if count > 1 else ''}" if count else ""


def _reason(detail: SagaDetail, step: int, letter: str) -> str:
    """Says why nothing of a step is undone."""
    graph, phase = detail.graph, detail.state.phase
    if letter == UNKNOWN:
        return "stays, if it happened"
    if letter in FINISHED_LETTERS and phase in (Phase.ABANDONING, Phase.ABANDONED):
        return "stays: saga abandoned"
    if letter in _WITHOUT_EFFECT:
        return f"nothing to undo: {_WITHOUT_EFFECT[letter]}"
    if graph.steps[step].read_only:
        return _without_effect(graph.steps[step]).words
    if step in behind_pivot(graph):
        return "only forward"
    if letter == SUCCEEDED and (phase is Phase.COMPLETED or is_pivot_passed(graph, detail.state.vector)):
        return "stays: only forward now"
    return "stays: no compensation" if letter == SUCCEEDED else "nothing to undo yet"


def _without_effect(step: Step) -> Undo:
    """The words for a step that changes nothing: a call that only reads, or a step that calls nobody."""
    return _nothing("read-only") if isinstance(step, Call) else Undo("none", None, "nothing to undo")


def _nothing(reason: str) -> Undo:
    return Undo("none", None, f"nothing to undo: {reason}")
