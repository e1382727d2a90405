"""The line of a retraction: a step is undone, or kept from taking effect, while its saga goes on."""

from __future__ import annotations

from saga.history.replay_state import RUNNING, ReplayState
from saga.history.rule import Rule


def retracted(now: ReplayState, kind: str, step: int) -> None:
    """E14: running (G47), not the pivot (G48), nothing rests on it (G49). What was dispatched is unknown (G50)."""
    is_just_called = now.letters[step] == "P" and step in now.due
    if is_just_called:
        now.due.discard(step)
        now.letters[step] = "D"
    if not now.expect(Rule.RETRACT, kind, "SDd", step=step, phases=RUNNING):
        return
    planned = now.plan.steps[step]
    if step == now.plan.pivot or not (planned.has_compensation or planned.is_read_only):
        now.complain(Rule.RETRACT, f"{kind!r} of {planned.name}", "a step that can be undone, and not the pivot")
    resting = [now.name(each) for each in _resting(now, step)]
    if resting:
        now.complain(
            Rule.RETRACT, f"{kind!r} of {planned.name} before {', '.join(resting)}", "nothing has run behind it"
        )
    now.retracted.add(step)
    now.letters[step] = _retracted_letter(now, step, is_just_called=is_just_called)
    if now.letters[step] == "Z":
        now.owed.add(step)
    now.forward()


def _resting(now: ReplayState, step: int) -> list[int]:
    """The successors for whose sake a step that has succeeded may not be retracted."""
    clear = now.clear()
    successors = now.plan.steps[step].successors
    return [each for each in successors if now.letters[step] == "S" and now.letters[each] != "P" and each not in clear]


def _retracted_letter(now: ReplayState, step: int, *, is_just_called: bool) -> str:
    planned = now.plan.steps[step]
    if now.letters[step] == "S":
        return "K" if planned.has_compensation else "Z"
    if planned.mode in "TE" or planned.is_read_only:
        return "V"
    return "K" if planned.mode == "J" else "V" if is_just_called else "U"
