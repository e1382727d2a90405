"""Branches (E4h, E5): conditions, joins that count successes, checks, and rejections after which the saga goes on."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from saga.core.condition.cells import ABSENT, INPUT
from saga.core.condition.condition import Condition, condition_of
from saga.core.condition.facts import THE_INPUT
from saga.core.condition.question import Question
from saga.core.definition.json_value import Json
from saga.core.definition.paths import OUTPUT, REASON
from saga.core.definition.step import Check
from saga.core.rules import pivot, rollback
from saga.core.rules.fold import Fold
from saga.core.rules.history_kind import HistoryKind
from saga.core.state.letters import (
    ANY_DISPATCHED,
    DISPATCHED,
    FINISHED_LETTERS,
    HANDLED,
    QUARANTINED_DISPATCHED,
    REJECTED,
    SKIPPED,
    SUCCEEDED,
)

CANNOT_EVALUATE: Final = "its condition cannot be evaluated"
"""The beginning of the reason if a condition reads an absent value, or compares values of different kinds."""
NOT_BEGUN: Final = "it has not begun"
"""Part of the reason if a step is quarantined although no command of it was ever sent."""
_LETTERS_OF_WORDS: Final[Mapping[str, str]] = {"succeeded": SUCCEEDED, "skipped": SKIPPED, "rejected": HANDLED}


class Join(Enum):
    """The progress of the predecessors of a pending step."""

    OPEN = "it waits for them"
    MET = "it may begin"
    SHORT = "too many have finished without success (G46)"


class Turn(Enum):
    """The answer to the question whether a pending step comes next."""

    NOT_YET = "it waits for its predecessors"
    CALL = "its command is to be sent"
    FINISHED = "it needs no command, so its successors may be next"
    REJECTED = "it cannot begin, and the saga does not go on behind it"


def join_of(fold: Fold, step: int) -> Join:
    """G45: a join that counts counts successes, not finished steps. G46: one that is out of reach waits for nothing."""
    after = [fold.letters[each] for each in fold.graph.steps[step].after]
    successes = fold.graph.steps[step].successes
    if not successes:
        return Join.MET if FINISHED_LETTERS.issuperset(after) else Join.OPEN
    succeeded = after.count(SUCCEEDED)
    if succeeded >= successes:
        return Join.MET
    still_possible = succeeded + sum(letter not in FINISHED_LETTERS for letter in after)
    return Join.OPEN if still_possible >= successes else Join.SHORT


def turn_of(fold: Fold, step: int) -> Turn:
    """Returns what a pending step needs now. A step that needs no command has got its letter, and a rejection its rollback."""
    join = join_of(fold, step)
    if join is Join.OPEN:
        return Turn.NOT_YET
    written = fold.graph.steps[step]
    if written.until is not None and fold.letters[written.until] in FINISHED_LETTERS:
        skip_unneeded(fold, step)
        return Turn.FINISHED
    holds = True if written.condition is None else _evaluate(fold, written.condition)
    if holds is False:
        fold.letters[step] = SKIPPED
        fold.note(HistoryKind.CONDITION_FALSE, step)
        return Turn.FINISHED
    if isinstance(holds, str):
        return _reject_unstarted(fold, step, holds)
    if join is Join.SHORT:
        names = ", ".join(fold.graph.steps[each].name for each in written.after)
        return _reject_unstarted(fold, step, f"fewer than {written.successes} of {names} have succeeded")
    if isinstance(written, Check):
        return _check(fold, step, written)
    return Turn.CALL


def skip_timers(fold: Fold) -> list[int]:
    """E5: skips the running timers whose `until` has finished, also by being skipped here. Returns them."""
    found: list[int] = []
    while over := [step for step in fold.graph.timers_with_end if _is_over(fold, step)]:
        for step in over:
            skip_unneeded(fold, step)
        found += over
    return found


def _is_over(fold: Fold, timer: int) -> bool:
    until = fold.graph.steps[timer].until
    return fold.letters[timer] == DISPATCHED and until is not None and fold.letters[until] in FINISHED_LETTERS


def skip_cancelling(fold: Fold) -> None:
    """E5: nobody can cancel the saga any more: its pivot has passed, or all its other steps are finished."""
    for step in fold.graph.cancelling:
        if fold.letters[step] in ANY_DISPATCHED:
            skip_unneeded(fold, step)


def are_others_finished(fold: Fold) -> bool:
    """Returns whether every step is finished except for waits for an event that cancels the saga."""
    cancelling = fold.graph.cancelling
    return all(letter in FINISHED_LETTERS or step in cancelling for step, letter in enumerate(fold.letters))


def skip_unneeded(fold: Fold, step: int) -> None:
    fold.letters[step] = SKIPPED
    fold.note(HistoryKind.NOT_NEEDED, step)


def _check(fold: Fold, step: int, check: Check) -> Turn:
    holds = _evaluate(fold, check.holds)
    if holds is not True:
        return _reject_unstarted(fold, step, holds or check.reason)
    fold.letters[step] = SUCCEEDED
    fold.note(HistoryKind.SUCCEEDED, step)
    return Turn.FINISHED


def _reject_unstarted(fold: Fold, step: int, reason: str) -> Turn:
    """Rejects a step that has not begun."""
    if fold.graph.steps[step].goes_on:
        record_handled(fold, step, reason)
        return Turn.FINISHED
    if pivot.is_pivot_passed(fold.graph, fold.letters):
        fold.quarantine(step, QUARANTINED_DISPATCHED, f"{reason}: {NOT_BEGUN}, and the pivot has passed")
        return Turn.REJECTED
    fold.letters[step] = REJECTED
    fold.note(HistoryKind.REJECTED, step, reason)
    rollback.request_rollback(fold, f"{fold.graph.steps[step].name}: {reason}")
    return Turn.REJECTED


def record_handled(fold: Fold, step: int, reason: str) -> None:
    """E4h: the step has no effect, for sure and for ever, and the saga goes on."""
    fold.letters[step] = HANDLED
    fold.reasons[step] = reason
    fold.note(HistoryKind.HANDLED, step, reason)


def _evaluate(fold: Fold, text: str) -> bool | str:
    """Returns whether a condition holds, or the reason for which its step is rejected instead."""
    question = _question(fold, condition_of(text))
    found = question.ask(fold.facts)
    fold.answers.append((question, found))
    return f"{CANNOT_EVALUATE}: {found}" if isinstance(found, str) else found


def _question(fold: Fold, condition: Condition) -> Question:
    cells: list[Json] = [ABSENT] * len(condition.roots)
    documents, reasons = dict[int, int](), list[int]()
    for cell, root in enumerate(condition.roots):
        if root == INPUT:
            documents[cell] = THE_INPUT
            continue
        step = fold.graph.positions[str(root[1])]
        letter, word = fold.letters[step], root[2]
        if word in _LETTERS_OF_WORDS:
            cells[cell] = letter == _LETTERS_OF_WORDS[str(word)]
        elif word == OUTPUT and letter == SUCCEEDED and not isinstance(fold.graph.steps[step], Check):
            documents[cell] = step
        elif word == REASON and letter == HANDLED and step in fold.reasons:
            cells[cell] = fold.reasons[step]
        elif word == REASON and letter == HANDLED:
            documents[cell] = step
            reasons.append(cell)
    return Question(condition, cells, documents, reasons)
