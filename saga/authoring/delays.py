"""A delayed step: a timer, and the call that comes after it."""

from __future__ import annotations

from dataclasses import replace

from saga.core.definition.outline import AnyStepOutline, StepOutline, TimerOutline


def delayed(call: StepOutline, pause_ms: int) -> tuple[TimerOutline, StepOutline]:
    """Puts a timer before a call.

    The timer comes after what the call came after, under the same condition. If it is rejected before it begins, so is the call.
    """
    timer = TimerOutline(
        name=f"{call.name}_delay",
        after=call.after,
        successes=call.successes,
        condition=call.condition,
        pivot=False,
        retriable=False,
        handled=call.goes_on and bool(call.successes or call.condition is not None),
        pause_ms=pause_ms,
        until=call.until,
    )
    return timer, replace(call, after=(timer.name,), successes=min(call.successes, 1))


def undelayed(timer: AnyStepOutline, call: AnyStepOutline) -> StepOutline | None:
    """Returns the call as it was before `delayed`; None if these two were not made by it."""
    if not isinstance(timer, TimerOutline) or not isinstance(call, StepOutline):
        return None
    written = replace(call, after=timer.after, successes=timer.successes)
    return written if delayed(written, timer.pause_ms) == (timer, call) else None
