"""A preview of a rollback: which steps it undoes, in which order, and what cannot be undone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from msgspec.structs import replace

from saga.core.definition.graph import Graph
from saga.core.rules import events as ev
from saga.core.rules.decide import decide
from saga.core.state.letters import (
    ANY_COMPENSATING,
    ANY_RESOLVING,
    ANY_VOIDING,
    OPEN_LETTERS,
    SUCCEEDED,
)
from saga.core.state.mode import Mode
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State


class UndoAction(Enum):
    """The action of a rollback on one step. People read the value."""

    COMPENSATE = "compensate"
    FIND_OUT = "find out whether it happened, and compensate it if it did"
    COMPENSATE_OR_FORBID = "compensate it if it happened, else forbid it for ever"
    AWAIT_PIVOT = "wait until its outcome is known: if it happened, nothing is rolled back"
    KEEP = "nothing: it has no compensation"
    VOID = "nothing: it has no effect"


@dataclass(frozen=True, slots=True)
class PlannedUndo:
    """One step of the plan, and its letter now."""

    step: int
    letter: str
    undo: UndoAction


@dataclass(frozen=True, slots=True)
class RollbackPreview:
    """The plan, or in `refusal` the reason why there is none. The steps of a stage are undone in parallel, stage by stage."""

    refusal: str | None
    stages: tuple[tuple[PlannedUndo, ...], ...]
    untouched: tuple[PlannedUndo, ...]


def preview_rollback(
    graph: Graph, state: State, *, now: float, unclaimed: frozenset[int] = frozenset()
) -> RollbackPreview:
    """Decides the rollback on a copy, by the rules themselves, assuming that every compensation succeeds.

    `unclaimed`: the steps whose command no process has ever claimed.
    """
    state = replace(state, paused=False)
    if state.phase is Phase.RUNNING:
        events: list[ev.Event] = [ev.Unclaimed(unclaimed), ev.RollbackRequested("preview")]
        begun = decide(graph, state, events, now=now, jitter=0.0, enforce_deadline=False).state
    else:
        begun = state
    if state.phase.is_terminal or state.phase is Phase.ABANDONING:
        return RollbackPreview(f"it is {state.phase.name.lower()}", (), ())
    if begun.phase is Phase.RUNNING and not begun.rollback_requested:
        return RollbackPreview(f"its pivot {graph.steps[graph.pivot].name} has passed: it only goes forward", (), ())
    stages: list[tuple[PlannedUndo, ...]] = []
    if begun.phase is Phase.RUNNING:  # the pivot decides: assume that it did not happen
        pivot = graph.pivot
        stages.append((PlannedUndo(pivot, state.vector[pivot], UndoAction.AWAIT_PIVOT),))
        voided = (
            [ev.Reported(pivot, ev.JournalReport.VOIDED)] if begun.vector[pivot] in ANY_VOIDING else [ev.Absent(pivot)]
        )
        begun = decide(graph, begun, voided, now=now, jitter=0.0, enforce_deadline=False).state
    undone = _stages(graph, state, begun, now)
    planned = {each.step for stage in (*stages, *undone) for each in stage}
    untouched = tuple(
        PlannedUndo(step, letter, _kept(graph, letter, step))
        for step, letter in enumerate(state.vector)
        if step not in planned
    )
    return RollbackPreview(None, (*stages, *undone), untouched)


def preview_undo(graph: Graph, before: State, after: State, step: int) -> RollbackPreview:
    """The same for one step that is undone while the saga goes on: `after` is the state in which its undoing has begun."""
    if after.vector[step] not in _ACTING:
        return RollbackPreview(None, (), ())
    return RollbackPreview(None, ((PlannedUndo(step, before.vector[step], _undo(graph, before, step)),),), ())


_ACTING: Final = ANY_COMPENSATING | ANY_RESOLVING


def _stages(graph: Graph, before: State, begun: State, now: float) -> list[tuple[PlannedUndo, ...]]:
    """Plays the rollback: the steps under way in a state are a stage; the next state follows when all of them are done."""
    stages: list[tuple[PlannedUndo, ...]] = []
    seen: set[int] = set()
    state = begun
    while not state.phase.is_terminal:
        acting = [step for step, letter in enumerate(state.vector) if letter in _ACTING]
        new = [step for step in acting if step not in seen]
        if new:
            stages.append(tuple(PlannedUndo(step, before.vector[step], _undo(graph, before, step)) for step in new))
            seen.update(new)
        if not acting:
            break
        done: list[ev.Event] = []
        for step in acting:
            done.append(
                ev.Compensated(step) if state.vector[step] in ANY_COMPENSATING else ev.Rejected(step, "preview")
            )
        state = decide(graph, state, done, now=now, jitter=0.0, enforce_deadline=False).state
    return stages


def _undo(graph: Graph, before: State, step: int) -> UndoAction:
    is_open = before.vector[step] in OPEN_LETTERS or before.vector[step] in ANY_RESOLVING
    if not is_open:
        return UndoAction.COMPENSATE
    return UndoAction.COMPENSATE_OR_FORBID if graph.steps[step].mode is Mode.JOURNALED else UndoAction.FIND_OUT


def _kept(graph: Graph, letter: str, step: int) -> UndoAction:
    planned = graph.steps[step]
    is_kept = letter == SUCCEEDED and not planned.compensation and not planned.read_only
    return UndoAction.KEEP if is_kept else UndoAction.VOID
