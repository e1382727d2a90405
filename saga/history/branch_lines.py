"""The lines about branches: skipped steps, checks, joins that cannot be reached, rejections after which the saga goes on."""

from __future__ import annotations

from typing import Final

from saga.history.replay_state import FINISHED, RUNNING, ReplayState
from saga.history.rule import Rule
from saga.history.turn import REJECTS, Turn, turn_of

_GIVEN_UP: Final = "given up"


def skipped(now: ReplayState, kind: str, step: int) -> None:
    """E5: its condition is false."""
    if _begins(now, Rule.CONDITION, kind, step, frozenset({Turn.SKIP})):
        now.letters[step] = "N"
        now.forward()


def unneeded(now: ReplayState, kind: str, step: int) -> None:
    """E5: another step has finished that ends a timer or makes a step pointless; or nobody can cancel the saga any more."""
    is_begun = now.letters[step] != "P" or (step in now.due and is_unneeded(now, step))
    if not is_begun:
        if not _begins(now, Rule.UNNEEDED, kind, step, frozenset({Turn.UNNEEDED})):
            return
    elif not now.expect(Rule.UNNEEDED, kind, "PDd", step=step, phases=RUNNING):
        return
    elif not is_unneeded(now, step):
        now.complain(Rule.UNNEEDED, f"{kind!r} of {now.name(step)}, which waits", "D, until its event or its moment")
    now.due.discard(step)
    now.letters[step] = "N"
    now.forward()


def is_unneeded(now: ReplayState, step: int) -> bool:
    """Returns whether a step that waits is over because of other steps."""
    planned = now.plan.steps[step]
    if planned.cancels:
        others = (letter for other, letter in enumerate(now.letters) if not now.plan.steps[other].cancels)
        return now.is_passed() or FINISHED.issuperset(others)
    return planned.is_timer and planned.until is not None and now.letters[planned.until] in FINISHED


def check_holds(now: ReplayState, kind: str, step: int) -> None:
    """E5: a check succeeds in the decision itself. It has no command and no result."""
    if _begins(now, Rule.CHECK, kind, step, frozenset({Turn.PASS})):
        now.letters[step] = "S"
        now.forward()


def rejected_unbegun(now: ReplayState, kind: str, step: int) -> None:
    """E5: a check that does not hold, a join out of reach (G46), a condition that cannot be evaluated."""
    if _begins(now, _rule(now, step, Rule.REJECTION), kind, step, REJECTS):
        complain_if_handled(now, kind, step)
        if now.is_passed():
            now.complain(Rule.LATE_REJECTION, f"{now.name(step)} rejects behind the pivot", "quarantined")
        now.letters[step] = "R"


def quarantined_unbegun(now: ReplayState, kind: str, step: int) -> None:
    """E5: as above, and the pivot has passed."""
    if _begins(now, _rule(now, step, Rule.QUARANTINE), kind, step, REJECTS):
        complain_if_handled(now, kind, step)
        if not now.is_passed():
            now.complain(Rule.QUARANTINE, f"{now.name(step)} is quarantined", "a rollback, which is still possible")
        now.letters[step] = "d"


def handled(now: ReplayState, kind: str, step: int) -> None:
    """E4h: the saga goes on. The pivot is never handled (G43), and what is merely given up only if it is optional (G41)."""
    planned = now.plan.steps[step]
    if now.letters[step] == "P":
        if not _begins(now, _rule(now, step, Rule.HANDLED), kind, step, REJECTS):
            return
    elif not now.expect(Rule.HANDLED, kind, "Dd", step=step, phases=RUNNING):
        return
    if not planned.goes_on or step == now.plan.pivot:
        now.complain(Rule.HANDLED, f"{kind!r} of {planned.name}, which is not handled", "a rejection")
    elif _is_given_up(now, step) and not planned.is_optional:
        now.complain(Rule.HANDLED, f"{planned.name} was given up", "a definite rejection, or an optional step")
    now.declared.pop(step, None)
    now.letters[step] = "H"
    now.reasons[step] = "" if now.note is None else now.note.detail or ""
    now.forward()


def complain_if_handled(now: ReplayState, kind: str, step: int) -> None:
    """The saga goes on after every rejection of a handled step."""
    if now.plan.steps[step].goes_on:
        now.complain(Rule.HANDLED, f"{kind!r} of {now.name(step)}, which is handled", "'rejected, handled'")


def _begins(now: ReplayState, rule: Rule, kind: str, step: int, turns: frozenset[Turn]) -> bool:
    """Returns whether a step is pending. Complains unless it is its turn, and the answer is one of these.

    The line is followed all the same, so that one fault is reported once.
    """
    if not now.expect(rule, kind, "P", step=step, phases=RUNNING):
        return False
    now.forward()
    turn = turn_of(now.plan, now.letters, now.recorded, step)
    is_held = now.cancel or now.paused
    if is_held or turn not in turns | {Turn.UNKNOWN}:
        held = "while a rollback is requested" if now.cancel else "while the saga is paused" if now.paused else "now"
        now.complain(rule, f"{kind!r} of {now.name(step)} {held}", "P" if is_held else turn.value)
    return True


def _rule(now: ReplayState, step: int, otherwise: Rule) -> Rule:
    """The rule by which a pending step may be rejected."""
    planned = now.plan.steps[step]
    if planned.successes:
        return Rule.JOIN
    return Rule.CHECK if planned.holds is not None else otherwise if planned.condition is None else Rule.CONDITION


def _is_given_up(now: ReplayState, step: int) -> bool:
    """Returns whether the line before says that an attempt failed, and this one that no other will follow."""
    failed, line = now.previous, now.note
    if failed is None or line is None or (failed.kind, failed.step) != ("failed", step):
        return False
    return (line.detail or "").startswith(_GIVEN_UP) and (line.detail or "").endswith(failed.detail or "")
