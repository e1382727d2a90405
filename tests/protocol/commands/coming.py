"""Retraction of single steps (E14), which the core does not have yet.

The rules are functions on the production's fold and take the place of its rules where a configuration retracts steps. A rule that
moves into the core is deleted here, and its configurations then explore production.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from msgspec import Struct

from saga.core.definition.graph import Graph
from saga.core.rules import backward, branches, called_for, fold, forward, operators, outcomes
from saga.core.rules import events as ev
from saga.core.rules.fold import Fold
from saga.core.rules.history_kind import HistoryKind
from saga.core.state.letters import FINISHED_LETTERS, NO_EFFECT_LETTERS
from saga.core.state.mode import Mode
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from tests.protocol.commands.replaced import Replaced

KEYS: Final = (
    "retract_running", "retract_pivot", "retract_clear", "retract_unknown", "retract_sticks", "retract_wait",
    "retract_complete", "retract_clear_after", "retract_recheck",
)  # fmt: skip
FINISHED: Final = FINISHED_LETTERS | set("VZ")  # V and Z of a running saga are retracted
UNDONE_AGAIN: Final = set("UKuk")  # of a running saga: a retraction is under way


class Retracted(Struct, frozen=True):
    """E14: this step is undone, or never made, while the saga goes on."""

    step: int


@dataclass(frozen=True)
class ComingGraph(Graph):
    """A graph whose steps may be retracted; `without` is the guard of retraction that is taken away."""

    without: str = ""


def coming(fold: Fold) -> ComingGraph:
    assert isinstance(fold.graph, ComingGraph)
    return fold.graph


# -- E5: forward ---------------------------------------------------------------------------------------------------------


def is_ready(fold: Fold, step: int) -> bool:
    finished = FINISHED if coming(fold).without != "retract_wait" else FINISHED | UNDONE_AGAIN
    return finished.issuperset(fold.letters[before] for before in fold.graph.steps[step].after)


def complete_if_done(fold: Fold) -> bool:
    ends = FINISHED if coming(fold).without != "retract_complete" else FINISHED | UNDONE_AGAIN
    if not ends.issuperset(fold.letters):
        return False
    fold.end(Phase.COMPLETED, HistoryKind.COMPLETED)
    return True


# -- E7: backward --------------------------------------------------------------------------------------------------------


def settle(fold: Fold) -> None:
    """Does what production does, but for the guard that is taken away."""
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
    knows = letter in "VZ" and without == "retract_clear_after"
    return knows or (letter in NO_EFFECT_LETTERS and successors_are_clear)


def is_clear(vector: Sequence[str], after: Sequence[Sequence[int]], step: int, without: str) -> bool:
    successors_are_clear = all(is_clear(vector, after, successor, without) for successor in after[step])
    return is_clear_letter(vector[step], without, successors_are_clear=successors_are_clear)


# -- E3, E4, E8, E10: outcomes of retracted steps (E14r) ------------------------------------------------------------------


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
    if fold.phase is Phase.RUNNING and fold.letters[step] in "Uu":
        fold.letters[step] = "V"
        forward.advance_all(fold)
    else:
        _RECORD_REJECTION(fold, step, reason)


def record_compensation(fold: Fold, step: int, detail: str | None = None) -> None:
    if fold.phase is Phase.RUNNING and fold.letters[step] in "Kk":
        fold.letters[step] = "Z"
        forward.advance_all(fold)
    else:
        _RECORD_COMPENSATION(fold, step, detail)


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
_RECORD_COMPENSATION, _OPERATION_OF = backward.record_compensation, called_for.operation_of
RULES: Final = (
    Replaced(forward, "is_ready", is_ready),
    Replaced(branches, "FINISHED_LETTERS", FINISHED),
    Replaced(forward, "complete_if_done", complete_if_done),
    Replaced(backward, "settle", settle),
    Replaced(backward, "record_compensation", record_compensation),
    Replaced(outcomes, "record_success", record_success),
    Replaced(outcomes, "record_rejection", record_rejection),
    Replaced(called_for, "operation_of", operation_of),
    Replaced(fold, "operation_of", operation_of),
)
EVENTS: Final = {ev.Absent: on_absent, ev.DidNotHappen: on_did_not_happen, Retracted: on_retracted}
