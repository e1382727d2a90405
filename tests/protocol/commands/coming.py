"""Rules that the core does not have yet: handled rejections, joins on a number of successes, retraction of single steps.

They are functions on the production's fold and take the place of its rules where a configuration uses them. A rule that moves
into the core is deleted here, and its configurations then explore production.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from msgspec import Struct

from saga.core.definition.graph import Graph
from saga.core.rules import backward, called_for, fold, forward, operators, outcomes, pivot, retries, rollback
from saga.core.rules import events as ev
from saga.core.rules.fold import Fold
from saga.core.rules.history_kind import HistoryKind
from saga.core.state.mode import Mode
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from tests.protocol.commands.replaced import Replaced

KEYS: Final = (
    "handled_definite", "handled_clear", "handled_pivot", "handled_forget", "join_succeeded", "join_short",
    "retract_running", "retract_pivot", "retract_clear", "retract_unknown", "retract_sticks", "retract_wait",
    "retract_complete", "retract_clear_after", "retract_recheck",
)  # fmt: skip
HANDLED: Final = "H"
FINISHED: Final = "SNHVZ"  # of a running saga; V and Z only by a retraction
UNDONE_AGAIN: Final = "UKuk"  # of a running saga: a retraction is under way
WITHOUT_EFFECT: Final = "NHVZR"


class Retracted(Struct, frozen=True):
    """E14: this step is undone, or never made, while the saga goes on."""

    step: int


@dataclass(frozen=True)
class ComingGraph(Graph):
    """A graph with features that definitions lack; `without` is the guard that is taken away.

    `skipped`: steps whose condition is false. `any_joins`: steps that start after one of their predecessors. `joins`: steps
    that start after a number of successes, and the number. `cascades`: a step behind nothing but steps without an effect is
    skipped; not the rule, but explored too.
    """

    skipped: tuple[int, ...] = ()
    any_joins: tuple[int, ...] = ()
    handled: tuple[int, ...] = ()
    joins: tuple[tuple[int, int], ...] = ()
    cascades: bool = False
    without: str = ""


def coming(fold: Fold) -> ComingGraph:
    assert isinstance(fold.graph, ComingGraph)
    return fold.graph


# -- E5: forward ---------------------------------------------------------------------------------------------------------


def advance(fold: Fold, _: Iterable[int]) -> None:
    """Repeats until nothing changes: a finished step without an effect is passed through."""
    if fold.phase is not Phase.RUNNING or complete_if_done(fold) or rollback.roll_back_if_overdue(fold):
        return
    again = not fold.paused
    while again and is_going_forward(fold):
        again = False
        for step, letter in enumerate(fold.letters):
            if letter == "P" and is_running(fold):
                again = begin(fold, step) or again
    if is_going_forward(fold):
        complete_if_done(fold)


def is_running(fold: Fold) -> bool:
    return fold.phase is Phase.RUNNING


def is_going_forward(fold: Fold) -> bool:
    return is_running(fold) and not fold.rollback_requested


def begin(fold: Fold, step: int) -> bool:
    """Dispatches or skips a step whose join is met, rejects one whose join is out of reach (G46). Returns whether it did."""
    graph = coming(fold)
    letters = [fold.letters[before] for before in graph.steps[step].after]
    finished = FINISHED if graph.without != "retract_wait" else FINISHED + UNDONE_AGAIN
    are_finished = all(letter in finished for letter in letters)
    needed = dict(graph.joins).get(step)
    if needed is None and not are_finished:
        return False
    if needed is not None:
        counted = "S" if graph.without != "join_succeeded" else finished
        if sum(letter in counted for letter in letters) < needed:
            return are_finished and graph.without != "join_short" and reject_unmade(fold, step)
    cascades = graph.cascades and needed is None
    if step in graph.skipped or (cascades and letters and all(letter in "NHVZ" for letter in letters)):
        fold.letters[step] = "N"
    else:
        fold.letters[step] = "D"
        fold.send(step, Operation.EXECUTE)
    return True


def reject_unmade(fold: Fold, step: int) -> bool:
    """A definite no of a step that has not run."""
    if step in coming(fold).handled:
        fold.letters[step] = HANDLED
    elif pivot.is_pivot_passed(fold.graph, fold.letters):
        fold.quarantine(step, "d", "its join cannot be reached any more")
    else:
        fold.letters[step] = "R"
        rollback.request_rollback(fold, "a join cannot be reached any more")
    return True


def complete_if_done(fold: Fold) -> bool:
    ends = FINISHED if coming(fold).without != "retract_complete" else FINISHED + UNDONE_AGAIN
    if any(letter not in ends for letter in fold.letters):
        return False
    fold.end(Phase.COMPLETED, HistoryKind.COMPLETED)
    return True


# -- E7: backward --------------------------------------------------------------------------------------------------------


def settle(fold: Fold) -> None:
    """One rule of clearness: a letter without an effect is clear when all its successors are clear (G42)."""
    graph = coming(fold)
    clear: set[int] = set()
    for step in graph.downward:
        are_clear = clear.issuperset(graph.successors[step])
        if are_clear and not fold.paused and backward.has_to_be_undone(fold, step):
            backward.undo(fold, step)
        if is_clear_letter(fold.letters[step], graph.without, successors_are_clear=are_clear):
            clear.add(step)
    if len(clear) == len(fold.letters):
        fold.end(Phase.COMPENSATED, HistoryKind.COMPENSATED_ALL)


def is_clear_letter(letter: str, without: str, *, successors_are_clear: bool) -> bool:
    if (letter == HANDLED and without == "handled_clear") or (letter in "VZ" and without == "retract_clear_after"):
        return True
    return letter in WITHOUT_EFFECT and successors_are_clear


def is_clear(vector: Sequence[str], after: Sequence[Sequence[int]], step: int, without: str) -> bool:
    successors_are_clear = all(is_clear(vector, after, successor, without) for successor in after[step])
    return is_clear_letter(vector[step], without, successors_are_clear=successors_are_clear)


# -- E3, E4, E8, E10: outcomes, of handled (E4h) and of retracted steps (E14r) ---------------------------------------------


def record_success(fold: Fold, step: int) -> None:
    if fold.phase is not Phase.RUNNING or fold.letters[step] not in "Uu":
        _RECORD_SUCCESS(fold, step)
    elif coming(fold).without == "retract_sticks":
        fold.letters[step] = "S"
        forward.advance_all(fold)
    else:
        fold.letters[step] = "K"
        fold.send(step, Operation.COMPENSATE)


def record_rejection(fold: Fold, step: int, reason: str) -> None:
    graph, letter = coming(fold), fold.letters[step]
    may_be_handled = step != graph.pivot or graph.without == "handled_pivot"
    if fold.phase is Phase.RUNNING and letter in "Uu":
        fold.letters[step] = "V"
        forward.advance_all(fold)
    elif fold.phase is Phase.RUNNING and letter in "DdWw" and step in graph.handled and may_be_handled:
        fold.letters[step] = HANDLED
        forward.advance_all(fold)
    else:
        _RECORD_REJECTION(fold, step, reason)


def record_compensation(fold: Fold, step: int, detail: str | None = None) -> None:
    if fold.phase is Phase.RUNNING and fold.letters[step] in "Kk":
        fold.letters[step] = "Z"
        forward.advance_all(fold)
    else:
        _RECORD_COMPENSATION(fold, step, detail)


def exhaust(fold: Fold, step: int, detail: str) -> None:
    """Without G41, a handled step that has exhausted its attempts is taken for a rejected one."""
    graph = coming(fold)
    is_running = fold.phase is Phase.RUNNING and fold.letters[step] == "D"
    if graph.without == "handled_definite" and is_running and step in graph.handled:
        fold.letters[step] = HANDLED
        forward.advance_all(fold)
    else:
        _EXHAUST(fold, step, detail)


def on_absent(fold: Fold, event: ev.Absent) -> None:
    if fold.phase is Phase.RUNNING and fold.letters[event.step] in "Uu":
        outcomes.record_rejection(fold, event.step, "the probe says that it did not happen")
    else:
        outcomes.on_absent(fold, event)


def on_did_not_happen(fold: Fold, event: ev.DidNotHappen) -> None:
    """E10o: a retracted step may be declared void behind the pivot as well."""
    if fold.phase is Phase.RUNNING and fold.letters[event.step] == "u":
        outcomes.record_rejection(fold, event.step, "an operator says that it did not happen")
    else:
        operators.on_did_not_happen(fold, event)


# -- E14: retraction -------------------------------------------------------------------------------------------------------


def on_retracted(fold: Fold, event: Retracted) -> None:
    """The caller ensures G47 to G49. A dispatched step is unknown (G50)."""
    graph, step = coming(fold), event.step
    mode, knows = graph.steps[step].mode, graph.without == "retract_unknown"
    if mode is Mode.TRANSACTIONAL and fold.letters[step] != "S":
        fold.letters[step] = "V"
    elif mode is Mode.EXTERNAL and fold.letters[step] != "S" and not knows:
        fold.letters[step] = "U"
        fold.send(step, Operation.EXECUTE)
    elif mode is Mode.JOURNALED and fold.letters[step] != "S" and knows:
        fold.letters[step] = "V"
    else:
        fold.letters[step] = "K"
        fold.send(step, Operation.COMPENSATE)
    forward.advance_all(fold)


def operation_of(phase: Phase, letter: str, mode: Mode) -> Operation | None:
    """U and K are called for while the saga runs, too."""
    if phase is Phase.RUNNING and letter in "UK":
        return Operation.EXECUTE if letter == "U" else Operation.COMPENSATE
    return _OPERATION_OF(phase, letter, mode)


_RECORD_SUCCESS, _RECORD_REJECTION = outcomes.record_success, outcomes.record_rejection
_RECORD_COMPENSATION, _EXHAUST, _OPERATION_OF = backward.record_compensation, retries.exhaust, called_for.operation_of
RULES: Final = (
    Replaced(forward, "advance", advance),
    Replaced(forward, "complete_if_done", complete_if_done),
    Replaced(backward, "settle", settle),
    Replaced(backward, "record_compensation", record_compensation),
    Replaced(outcomes, "record_success", record_success),
    Replaced(outcomes, "record_rejection", record_rejection),
    Replaced(retries, "exhaust", exhaust),
    Replaced(called_for, "operation_of", operation_of),
    Replaced(fold, "operation_of", operation_of),
)
EVENTS: Final = {ev.Absent: on_absent, ev.DidNotHappen: on_did_not_happen, Retracted: on_retracted}
