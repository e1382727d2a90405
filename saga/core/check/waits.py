"""Waits and timers: their times and events, the end of a timer, and what may come behind the pivot."""

from __future__ import annotations

from collections.abc import Iterator

from saga.core.check.edges import known_steps
from saga.core.check.finding import Code, Finding, error
from saga.core.check.limits import bad_name, time_findings
from saga.core.check.place import step_place, title
from saga.core.condition.condition import condition_fault, steps_read
from saga.core.definition.names import is_name
from saga.core.definition.outline import AnyStepOutline, Outline, TimerOutline, WaitOutline, is_cancelling
from saga.core.definition.paths import literal, reads, template_faults


def wait_findings(outline: Outline) -> Iterator[Finding]:
    """Finds what each wait and each timer says that cannot be."""
    waiting = [step for step in outline.steps if isinstance(step, WaitOutline | TimerOutline)]
    for step in waiting:
        place = step_place(outline, step)
        if not is_name(step.name):
            yield bad_name(place, "a step", step.name)
        if isinstance(step, TimerOutline):
            yield from time_findings(place, "pause", step.pause_ms)
        else:
            yield from _event_findings(place, step)
    if waiting and not outline.calls:
        reason = "It waits, and no service would notice when the waiting is over: none of its steps calls a handler."
        yield error(Code.NO_CALLS, title(outline), reason, "Add a step that calls a service; its processes wait, too.")
    for fault in outline.event_faults:
        remedy = "Change the type of the event."
        yield error(Code.INPUT_UNREADABLE, title(outline), f"An event could not be read back: {fault}.", remedy)


def order_findings(outline: Outline) -> Iterator[Finding]:
    """Finds the steps that wait for what never ends, and those that are over before they begin."""
    for step in outline.steps:
        if step.until is not None:
            yield from _until_findings(outline, step, step.until)
        for name in dict.fromkeys((*step.after, *_read_by(step))):
            if name in outline.positions and is_cancelling(outline.steps[outline.positions[name]]):
                reason = f"It comes after {name}, and when that event comes the saga is rolled back."
                yield error(
                    Code.WAIT_INVALID, step_place(outline, step), reason, "Use wait(...) to go on with an event."
                )


def _event_findings(place: str, step: WaitOutline) -> Iterator[Finding]:
    if not step.names or len(set(step.names)) < len(step.names):
        yield error(Code.EVENT_INVALID, place, "It must name events, each once.", "Name one event, or several.")
    for name in step.names:
        if not is_name(name):
            yield bad_name(place, "an event", name)
    if step.wait_ms is not None:
        yield from time_findings(place, "timeout", step.wait_ms)
    elif step.otherwise is not None:
        reason = "It has a value for the end of its time, and waits for ever."
        yield error(Code.WAIT_INVALID, place, reason, "Set timeout=, or remove otherwise=.")
    if step.otherwise is not None:
        for fault in template_faults(literal(step.otherwise)):
            reason = f"In the value, {fault}."
            yield error(Code.WAIT_INVALID, f"{place}, otherwise", reason, "Use a value that JSON has.")


def _until_findings(outline: Outline, step: AnyStepOutline, name: str) -> Iterator[Finding]:
    place = step_place(outline, step)
    if name not in outline.positions:
        yield error(Code.UNTIL_INVALID, place, f"until names {name}, which is not a step.", known_steps(outline))
        return
    own, other = outline.positions[step.name], outline.positions[name]
    if own == other:
        yield error(Code.UNTIL_INVALID, place, "until names the step itself.", "Name a step that runs beside it.")
    elif outline.order.is_before(own, other):
        reason = f"It runs until {name} has finished, and {name} comes after it."
        yield error(Code.UNTIL_INVALID, place, reason, "Name a step that does not come after this one.")
    elif outline.is_finished_before(other, own):
        reason = f"It runs until {name} has finished, and comes after it: it would always be skipped."
        yield error(Code.UNTIL_INVALID, place, reason, f"Put it beside {name}, not after it.")
    elif is_cancelling(outline.steps[other]):
        reason = f"It runs until {name} has finished, and then the saga is rolled back or over."
        yield error(Code.UNTIL_INVALID, place, reason, "Remove until=.")


def _read_by(step: AnyStepOutline) -> Iterator[str]:
    """The steps that the input of a step reads, or its sound condition."""
    yield from reads(getattr(step, "inputs", None))
    if step.condition is not None and condition_fault(step.condition) is None:
        yield from steps_read(step.condition)
