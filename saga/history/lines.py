"""Each kind of history line: when it may be written, and how it changes the replayed state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from saga.history import branch_lines, retraction_line
from saga.history.replay_state import (
    ABANDONED,
    ABANDONING,
    COMPENSATED,
    COMPENSATING,
    COMPLETED,
    FINISHED,
    RUNNING,
    TERMINAL,
    ReplayState,
)
from saga.history.rule import Rule

OfStep = Callable[[ReplayState, str, int], None]
OfSaga = Callable[[ReplayState, str], None]


def _succeeded(now: ReplayState, kind: str, step: int) -> None:
    if now.plan.steps[step].holds is not None:
        branch_lines.check_holds(now, kind, step)
        return
    if not now.expect(Rule.SUCCESS, kind, "DdWw", step=step, phases=RUNNING):
        return
    now.letters[step] = "S"
    if now.declared.pop(step, kind) == kind:
        now.successes.add(step)
    if step == now.plan.pivot:
        now.cancel = False
    now.forward()


def _resolved_happened(now: ReplayState, kind: str, step: int) -> None:
    is_retracted = now.phase == RUNNING
    allowed = "Uu" if is_retracted else _unresolved(now, step)
    if not now.expect(Rule.SUCCESS, kind, allowed, step=step, phases=RUNNING + COMPENSATING):
        return
    now.letters[step] = "K" if is_retracted else "S"
    if now.declared.pop(step, kind) == kind:
        now.successes.add(step)
    now.settle()


def _rejected(now: ReplayState, kind: str, step: int) -> None:
    if now.letters[step] == "P":
        branch_lines.rejected_unbegun(now, kind, step)
        return
    branch_lines.complain_if_handled(now, kind, step)
    rule = Rule.LATE_REJECTION if now.phase == RUNNING and now.is_passed() else Rule.REJECTION
    if not now.expect(rule, kind, "DdWw", step=step, phases=RUNNING):
        return
    now.declared.pop(step, None)
    if rule is Rule.LATE_REJECTION:
        now.complain(rule, f"{now.name(step)} rejects behind the pivot", "quarantined, for an operator")
    now.letters[step] = "R"


def _resolved_did_not_happen(now: ReplayState, kind: str, step: int) -> None:
    allowed = "Uu" if now.phase == RUNNING else _unresolved(now, step)
    if now.expect(Rule.REJECTION, kind, allowed, step=step, phases=RUNNING + COMPENSATING):
        now.declared.pop(step, None)
        now.letters[step] = "R" if now.plan.steps[step].mode == "J" else "V"
        now.settle()
        now.forward()


def _unresolved(now: ReplayState, step: int) -> str:
    """X is resolved until its outcome is definite; the outcome of J at D is unknown until its compensation finds out."""
    return {"X": "Uu", "J": "D"}.get(now.plan.steps[step].mode, "")


def _voided(now: ReplayState, kind: str, step: int) -> None:
    """E9: the pivot, which was asked. E6, E13, E14: an external step that no process has ever claimed."""
    mode, is_declared = now.plan.steps[step].mode, now.declared.pop(step, None) is not None
    is_asked_pivot = step == now.plan.pivot and (now.cancel or is_declared)
    if not is_asked_pivot and mode != "X":
        now.complain(Rule.VOIDED, f"{now.name(step)} is voided", "the pivot when it was asked, or an external step")
        return
    allowed = ("Ww" if mode == "J" else "Dd") if is_asked_pivot else "U" if step in now.retracted else "D"
    if now.expect(Rule.VOIDED, kind, allowed, step=step, phases=RUNNING):
        now.letters[step] = "V"
        if not is_asked_pivot:
            now.unclaimed.add(step)
        if step in now.retracted:
            now.forward()


def _compensated(now: ReplayState, kind: str, step: int) -> None:
    if now.expect(Rule.UNDONE, kind, "Kk", step=step, phases=RUNNING + COMPENSATING):
        now.declared.pop(step, None)
        now.letters[step] = "Z"
        now.settle()
        now.forward()


def _nothing_to_compensate(now: ReplayState, kind: str, step: int) -> None:
    now.uses[Rule.SETTLE] += 1
    if step in now.owed:
        now.owed.remove(step)
    else:
        now.complain(
            Rule.SETTLE,
            f"{kind!r} of {now.name(step)}, which is {now.letters[step]}",
            "S, without a compensation, its successors clear",
        )


def _quarantined(now: ReplayState, kind: str, step: int) -> None:
    letter = now.letters[step]
    if letter == "P":
        branch_lines.quarantined_unbegun(now, kind, step)
        return
    if letter == "R" and now.phase == RUNNING:
        now.uses[Rule.KEPT] += 1
        if not now.is_passed():
            now.complain(
                Rule.KEPT, f"{now.name(step)} was rejected and is quarantined", "a rollback: the pivot has not passed"
            )
        now.letters[step] = "d"
        return
    allowed = {RUNNING: "DdWUK", COMPENSATING: "UK"}.get(now.phase, "")
    if not now.expect(Rule.QUARANTINE, kind, allowed, step=step, phases=RUNNING + COMPENSATING):
        return
    if letter in "Dd" and not now.is_passed() and not (letter == "D" and now.cancel):
        now.complain(Rule.QUARANTINE, f"{now.name(step)} is quarantined", "a rollback, which is still possible")
    now.letters[step] = letter.lower()


def _retried(now: ReplayState, kind: str, step: int) -> None:
    allowed = {RUNNING: "dwuk", COMPENSATING: "uk"}.get(now.phase, "")
    if now.expect(Rule.OPERATOR, kind, allowed, step=step, phases=RUNNING + COMPENSATING):
        now.letters[step] = now.letters[step].upper()


def _skipped(now: ReplayState, kind: str, step: int) -> None:
    if not now.expect(Rule.OPERATOR, kind, "d", step=step, phases=RUNNING):
        return
    if not now.is_passed():
        now.complain(Rule.OPERATOR, f"{kind!r} of {now.name(step)}", "an operator skips no step before the pivot")
    now.letters[step] = "N"
    now.forward()


def _declared(now: ReplayState, kind: str, step: int) -> None:
    is_needed = now.letters[step] != "u"  # a step that was retracted is never needed
    allowed = "k" if kind.endswith("undone") else "dwu"
    if now.expect(Rule.OPERATOR, kind, allowed, step=step, phases=RUNNING + COMPENSATING):
        now.declared[step] = kind
    if kind.endswith("did not happen") and now.phase == RUNNING and now.is_passed() and is_needed:
        now.complain(Rule.OPERATOR, f"{kind!r} of {now.name(step)}", "not behind the pivot")


def _thawed(letter: str) -> OfStep:
    mode = "X" if letter == "?" else "J"

    def rule(now: ReplayState, kind: str, step: int) -> None:
        if not now.expect(Rule.FROZEN, kind, "G", step=step, phases=ABANDONING):
            return
        if now.plan.steps[step].mode != mode:
            now.complain(Rule.FROZEN, f"{kind!r} of {now.name(step)}", f"a step of mode {mode}")
        if letter in "SZ":
            now.successes.add(step)
        now.letters[step] = letter

    return rule


def _late(rule: Rule) -> OfStep:
    """An outcome recorded as too late to count. That is wrong if the saga was waiting for it."""

    def of_step(now: ReplayState, kind: str, step: int) -> None:
        letter = now.letters[step]
        awaited = {RUNNING: "DdWwUu", COMPENSATING: _unresolved(now, step)}
        if rule is Rule.UNDONE:
            awaited = dict.fromkeys((RUNNING, COMPENSATING), "Kk")
        if letter in awaited.get(now.phase, ""):
            now.complain(rule, f"{kind!r} of {now.name(step)}, which is {letter} in phase {now.phase}", "it counts")

    return of_step


def _nothing(_: ReplayState, __: str, ___: int) -> None:
    """A line that changes no letter."""


def _rollback_refused(now: ReplayState, kind: str, _: int) -> None:
    now.uses[Rule.ROLL_BACK] += 1
    if now.phase != RUNNING or not now.is_passed():
        now.complain(Rule.ROLL_BACK, f"{kind!r} in phase {now.phase}", "the pivot has passed, or it is granted")


def _rollback_waits(now: ReplayState, kind: str, step: int) -> None:
    now.uses[Rule.ROLL_BACK] += 1
    if step in now.due:  # it was dispatched before, in this same transaction
        now.letters[step] = "D"
    if now.phase != RUNNING or step != now.plan.pivot or not now.is_pivot_unknown() or now.cancel:
        now.complain(
            Rule.ROLL_BACK, f"{kind!r} for {now.name(step)}", "a journaled or external pivot whose outcome is unknown"
        )
    now.cancel = True
    now.due.discard(step)
    now.hold()
    if now.plan.steps[step].mode == "J" and now.letters[step] in "Dd":
        now.letters[step] = "W"


def _started(now: ReplayState, kind: str) -> None:
    now.uses[Rule.START] += 1
    if now.phase != RUNNING or set(now.letters) != {"P"}:
        now.complain(
            Rule.START, f"{kind!r} of a saga that had already started", "the first line, and the only one of its kind"
        )
    now.forward()


def _rolling_back(now: ReplayState, _: str) -> None:
    now.uses[Rule.ROLL_BACK] += 1
    if now.phase != RUNNING:
        now.complain(Rule.ROLL_BACK, f"a rollback in phase {now.phase}", "only what is running is rolled back")
    elif now.is_passed():
        now.complain(Rule.ROLL_BACK, "a rollback behind the pivot", "refused: from there the saga only goes forward")
    elif now.is_pivot_unknown():
        pivot = now.plan.pivot
        was = f"a rollback while {now.name(pivot)} is {now.letters[pivot]}"
        now.complain(Rule.ROLL_BACK, was, "it waits until the outcome of the pivot is known")
    now.turn()


def _completed(now: ReplayState, _: str) -> None:
    now.uses[Rule.COMPLETED] += 1
    now.dispatch()
    if now.phase != RUNNING or not FINISHED.issuperset(now.letters):
        was = f"completed with {''.join(now.letters)} in phase {now.phase}"
        now.complain(Rule.COMPLETED, was, "every step of a running saga succeeded, skipped or handled")
    now.phase, now.paused = COMPLETED, False


def _compensated_all(now: ReplayState, _: str) -> None:
    now.uses[Rule.COMPENSATED] += 1
    if now.phase != COMPENSATING or len(now.clear()) < len(now.letters):
        was = f"all compensated with {''.join(now.letters)} in phase {now.phase}"
        now.complain(Rule.COMPENSATED, was, "every step clear")
    now.phase, now.paused = COMPENSATED, False


def _abandoning(now: ReplayState, _: str) -> None:
    now.uses[Rule.FREEZE] += 1
    if now.phase not in (RUNNING, COMPENSATING):
        now.complain(Rule.FREEZE, f"abandoned in phase {now.phase}", "running or compensating")
    now.freeze()


def _abandoned(now: ReplayState, _: str) -> None:
    now.uses[Rule.ABANDONED] += 1
    if now.phase != ABANDONING or "G" in now.letters:
        was = f"abandoned with {''.join(now.letters)} in phase {now.phase}"
        now.complain(Rule.ABANDONED, was, "no step is frozen any more")
    now.phase = ABANDONED


def _paused(now: ReplayState, _: str) -> None:
    now.uses[Rule.PAUSE] += 1
    if now.paused or now.phase not in (RUNNING, COMPENSATING):
        now.complain(Rule.PAUSE, f"paused in phase {now.phase}", "running or compensating, and not paused before")
    now.paused = True
    now.hold()


def _resumed(now: ReplayState, _: str) -> None:
    now.uses[Rule.PAUSE] += 1
    if not now.paused:
        now.complain(Rule.PAUSE, "resumed, and was not paused", "paused before")
    now.paused = False
    now.settle()
    now.forward()


def _alive(now: ReplayState, kind: str) -> None:
    if now.phase in TERMINAL:
        now.complain(Rule.ENDED, f"{kind!r} in phase {now.phase}", "nothing after the end")


OF_STEP: Final[dict[str, OfStep]] = {
    "succeeded": _succeeded,
    "skipped: its condition is false": branch_lines.skipped,
    "skipped: not needed any more": branch_lines.unneeded,
    "rejected, handled": branch_lines.handled,
    "resolved: it happened": _resolved_happened,
    "rejected": _rejected,
    "resolved: it did not happen": _resolved_did_not_happen,
    "voided": _voided,
    "compensated": _compensated,
    "nothing to compensate": _nothing_to_compensate,
    "quarantined": _quarantined,
    "retried by an operator": _retried,
    "skipped by an operator": _skipped,
    "retracted": retraction_line.retracted,
    "resolved by an operator: it happened": _declared,
    "resolved by an operator: it did not happen": _declared,
    "resolved by an operator: it is undone": _declared,
    "frozen: executed": _thawed("S"),
    "frozen: voided": _thawed("V"),
    "frozen: compensated": _thawed("Z"),
    "effect unknown": _thawed("?"),
    "rollback refused": _rollback_refused,
    "rollback waits": _rollback_waits,
    "failed": _nothing,
    "late success recorded": _late(Rule.SUCCESS),
    "late rejection recorded": _late(Rule.REJECTION),
    "late void recorded": _nothing,
    "late compensation recorded": _late(Rule.UNDONE),
    "late report recorded": _nothing,
}
OF_SAGA: Final[dict[str, OfSaga]] = {
    "started": _started,
    "rolling back": _rolling_back,
    "completed": _completed,
    "compensated all": _compensated_all,
    "abandoning": _abandoning,
    "abandoned": _abandoned,
    "paused": _paused,
    "resumed": _resumed,
    "deadline extended": _alive,
    "redriven": _alive,
}
REPORTS: Final = frozenset(kind for kind in OF_STEP if kind.startswith(("late ", "resolved: "))) | {
    "succeeded",
    "rejected",
    "rejected, handled",
    "failed",
    "quarantined",
    "compensated",
}
"""The kinds that only a participant can cause: its command had been claimed."""
STILL: Final = frozenset(kind for kind in OF_STEP if kind.startswith("late ")) | {"failed", "rollback refused"}
