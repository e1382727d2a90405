"""The pivot, and which steps need a compensation because of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from saga.core.check.finding import Code, Finding, error
from saga.core.check.place import step_place, title
from saga.core.definition.contract import Contract
from saga.core.definition.outline import AnyStepOutline, Outline, StepOutline, WaitOutline, is_read_only, pivot_position


def pivot_findings(outline: Outline) -> Iterator[Finding]:
    if len(outline.pivots) > 1:
        names = ", ".join(outline.steps[position].name for position in outline.pivots)
        remedy = "Keep pivot=True on one step and order the others before or behind it."
        yield error(Code.SEVERAL_PIVOTS, title(outline), f"It has more than one pivot: {names}.", remedy)
    if len(outline.pivots) != 1:
        return
    pivot = outline.pivots[0]
    for position, step in enumerate(outline.steps):
        if position == pivot or not _may_reject(step) or outline.is_finished_before(position, pivot):
            continue
        where = "behind" if outline.is_finished_before(pivot, position) else "beside"
        place, name = step_place(outline, step), outline.steps[pivot].name
        if isinstance(step, WaitOutline):
            reason = f"It runs {where} the pivot {name}, and its time may be over when it is too late to roll back."
            remedy = f"Set otherwise= or handled=True, remove timeout=, or order it before {name}."
            yield error(Code.WAIT_BEHIND_PIVOT, place, reason, remedy)
            continue
        reason = f"It runs {where} the pivot {name} and may reject when it is too late to roll back."
        remedy = f"Set retriable=True if it never rejects, or order it before {name}."
        yield error(Code.NOT_RETRIABLE, place, reason, remedy)


def _may_reject(step: AnyStepOutline) -> bool:
    """Returns whether a step may reject and the saga does not go on. Checks, and joins, have findings of their own."""
    if isinstance(step, WaitOutline):
        return step.can_reject
    return isinstance(step, StepOutline) and not step.retriable and not step.goes_on


def compensation_findings(outline: Outline, contracts: Mapping[str, Contract]) -> Iterator[Finding]:
    """A step needs a compensation if the saga can still be rolled back after the step has succeeded.

    A deadline or an operator can roll back every running saga that has not passed its pivot. So only the pivot, the
    steps behind it and steps without an effect need no compensation. A step beside the pivot may finish before it,
    and then has to be undone.
    """
    if len(outline.pivots) > 1:
        return
    pivot = pivot_position(outline, contracts)
    for step in outline.calls:
        position, contract = outline.positions[step.name], contracts.get(step.contract_name)
        is_final = pivot >= 0 and (position == pivot or outline.is_finished_before(pivot, position))
        if contract is None or contract.has_compensation or is_final or is_read_only(step, contract):
            continue
        reason = "It has no compensation, and the saga can still be rolled back when it has succeeded."
        remedy = (
            f"Compensate {step.contract_name}, order it behind the pivot, or set read_only=True if it has no effect."
        )
        yield error(Code.COMPENSATION_MISSING, step_place(outline, step), reason, remedy)
