"""Conditions, joins and handled rejections: what they read is there when they read it, and nothing can end in a dead end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from saga.core.check.edges import known_steps
from saga.core.check.finding import Code, Finding, error
from saga.core.check.place import step_place, title
from saga.core.condition.condition import condition_fault, condition_of, steps_read
from saga.core.condition.needs import RECORDED_WORDS
from saga.core.condition.paths_read import conjuncts
from saga.core.definition.contract import Contract
from saga.core.definition.json_value import Json
from saga.core.definition.outline import (
    AnyStepOutline,
    CheckOutline,
    Outline,
    StepOutline,
    TimerOutline,
    is_read_only,
    pivot_position,
)
from saga.core.definition.paths import REASON, paths_without_default

CONDITION_REMEDY: Final = "A condition compares what input and steps.<name>.output have, in CEL."
_SHOWN_MAX: Final = 200


def condition_reason(text: object, fault: str) -> str:
    """The sentence about a text that is not a condition."""
    shown = text if isinstance(text, str) else repr(text)
    return f"The condition {shown[:_SHOWN_MAX]!r} {fault}."


def branch_findings(outline: Outline, contracts: Mapping[str, Contract]) -> Iterator[Finding]:
    """Finds faults of everything that makes a saga take one way or another."""
    faults = [found for step in outline.steps for found in _condition_findings(outline, step)]
    yield from faults
    if not faults:
        for step in outline.steps:
            yield from _reading_findings(outline, step)
        yield from _absent_findings(outline, outline.returns, None, f"{title(outline)}, returns")
    pivot = pivot_position(outline, contracts)
    for position, step in enumerate(outline.steps):
        yield from _check_findings(outline, position, step, pivot)
        yield from _join_findings(outline, position, step, pivot)
        yield from _handled_findings(outline, step, contracts)


def condition_texts(step: AnyStepOutline) -> Iterator[tuple[str, str]]:
    """Yields the conditions of a step with the words that they are written behind."""
    if step.condition is not None:
        yield "when", step.condition
    if isinstance(step, CheckOutline):
        yield "check", step.holds


def _condition_findings(outline: Outline, step: AnyStepOutline) -> Iterator[Finding]:
    for field, text in condition_texts(step):
        place = f"{step_place(outline, step)}, {field}"
        fault = condition_fault(text)
        if fault is not None:
            yield error(Code.CONDITION_INVALID, place, condition_reason(text, fault), CONDITION_REMEDY)
            continue
        for name in condition_of(text).steps:
            if name not in outline.positions:
                reason = f"It reads {name}, which is not a step."
                yield error(Code.READS_UNKNOWN, place, reason, known_steps(outline))
            elif not _is_known(outline, name, step):
                reason = f"It reads {name}, which may not have finished by then."
                yield error(Code.READS_UNORDERED, place, reason, f"Put {name} before it: after={name}.")


def _is_known(outline: Outline, name: str, step: AnyStepOutline) -> bool:
    """Returns whether a step has finished when a condition reads it, or is one of those for whose successes the step waits."""
    return name in step.after or outline.is_finished_before(outline.positions[name], outline.positions[step.name])


def _reading_findings(outline: Outline, step: AnyStepOutline) -> Iterator[Finding]:
    place = step_place(outline, step)
    if isinstance(step, StepOutline):
        yield from _absent_findings(outline, step.inputs, step, f"{place}, inputs")
    for field, text in condition_texts(step):
        given = conjuncts(text) | (frozenset() if field == "when" else _given(step))
        for name, word in sorted(condition_of(text).step_words):
            is_guarded = f"has(steps.{name}.{word})" in text.replace(" ", "")
            if word in RECORDED_WORDS and not is_guarded and _may_be_absent(outline, name, given, word, step):
                yield _absent(f"{place}, {field}", name, word)


def _absent_findings(outline: Outline, template: Json, step: StepOutline | None, place: str) -> Iterator[Finding]:
    """Finds the results that may not be there when a template reads them without a default."""
    given = _given(step)
    for path in paths_without_default(template):
        if path[0] == "steps" and path[1] in outline.positions:
            name, word = path[1], path[2]
            if _may_be_absent(outline, name, given, word, step):
                yield _absent(place, name, word)


def _given(step: AnyStepOutline | None) -> frozenset[str]:
    """Returns what is true whenever a step runs."""
    return frozenset() if step is None or step.condition is None else conjuncts(step.condition)


def _absent(place: str, name: str, word: str) -> Finding:
    reason = f"It reads the {word} of {name}, which may not be there."
    remedy = f"Give a default with .or_(...), or the step a condition under which {name} has a {word}."
    return error(Code.MAY_BE_ABSENT, place, reason, remedy)


def _may_be_absent(
    outline: Outline, name: str, given: frozenset[str], word: str, reader: AnyStepOutline | None
) -> bool:
    """Returns whether a step may have no output, or no reason, although everything in `given` is true for its reader."""
    step = outline.steps[outline.positions[name]]
    if word == REASON:
        return f"steps . {name} . rejected" not in given
    if isinstance(step, CheckOutline | TimerOutline):
        return True
    if f"steps . {name} . succeeded" in given:
        return False
    is_unsure = step.condition is not None and (not _given(step) <= given or _may_change(outline, step))
    may_be_skipped = step.until is not None or is_unsure
    excluded = {f"! ( steps . {name} . rejected )", f"! steps . {name} . rejected"}
    may_be_rejected = step.goes_on and excluded.isdisjoint(given)
    may_be_open = reader is not None and reader.successes > 0 and name in reader.after
    return may_be_skipped or may_be_rejected or may_be_open


def _may_change(outline: Outline, step: AnyStepOutline) -> bool:
    """Returns whether the condition of a step may have another value later, since it reads steps that may still be under way."""
    later = outline.positions[step.name]
    return any(not outline.is_finished_before(outline.positions[name], later) for name in steps_read(step.condition))


def _check_findings(outline: Outline, position: int, step: AnyStepOutline, pivot: int) -> Iterator[Finding]:
    if isinstance(step, CheckOutline) and _may_begin_behind(outline, position, pivot):
        reason = (
            f"It may fail when the pivot {outline.steps[pivot].name} has passed, and the saga cannot be rolled back."
        )
        remedy = "Order it before the pivot, or give the steps behind the pivot a condition instead."
        yield error(Code.CHECK_BEHIND_PIVOT, step_place(outline, step), reason, remedy)


def _may_begin_behind(outline: Outline, position: int, pivot: int) -> bool:
    return pivot >= 0 and position != pivot and not outline.is_finished_before(position, pivot)


def _join_findings(outline: Outline, position: int, step: AnyStepOutline, pivot: int) -> Iterator[Finding]:
    place = step_place(outline, step)
    if not step.successes:
        return
    if not 1 <= step.successes <= len(set(step.after)):
        reason = f"It waits for {step.successes} of {len(set(step.after))} steps."
        yield error(Code.JOIN_INVALID, place, reason, "Name at least as many steps as must succeed, and at least one.")
    elif _can_fall_short(outline, step) and not step.goes_on and _may_begin_behind(outline, position, pivot):
        reason = f"The steps that it waits for may fail when the pivot {outline.steps[pivot].name} has passed."
        yield error(Code.JOIN_INVALID, place, reason, "Set handled=True, or order it before the pivot.")


def _can_fall_short(outline: Outline, step: AnyStepOutline) -> bool:
    before = [outline.steps[outline.positions[name]] for name in set(step.after) if name in outline.positions]
    sure = sum(each.condition is None and each.until is None and not each.goes_on for each in before)
    return sure < step.successes


def _handled_findings(outline: Outline, step: AnyStepOutline, contracts: Mapping[str, Contract]) -> Iterator[Finding]:
    place = step_place(outline, step)
    if step.pivot and step.goes_on:
        reason = "It is the pivot, on which it depends whether the saga can be rolled back."
        yield error(Code.HANDLED_INVALID, place, reason, "Handle the rejection of an earlier step instead (G43).")
    if isinstance(step, StepOutline) and step.optional and not is_read_only(step, contracts.get(step.contract_name)):
        reason = "It is optional, and when it is given up nobody knows whether it took effect."
        yield error(
            Code.HANDLED_INVALID, place, reason, "Set read_only=True if it has no effect to undo, or use handled=True."
        )
