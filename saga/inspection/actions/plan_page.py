"""A plan with the payloads that it is about: as lines for people, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from saga.core.definition.json_value import Json
from saga.core.definition.paths import resolve
from saga.core.rules.retraction import without_retracted
from saga.errors import InputRefused
from saga.inspection.actions.plan import Plan
from saga.inspection.masking.shown import Payloads, decoded
from saga.inspection.rollback_preview import PlannedUndo, UndoAction
from saga.inspection.wording import shortened
from saga.ports.saga_detail import SagaDetail


def plan_lines(plan: Plan, detail: SagaDetail, payloads: Payloads) -> list[str]:
    """The plan in words. A rollback is the order of its undoing, everything else a list of what changes."""
    if plan.refusal is not None:
        return [f"refused: {plan.refusal}"]
    changes = () if plan.request.action == "roll back" else plan.changes
    return [*changes, *_undo_lines(plan, detail, payloads), *plan.residue]


def plan_document(plan: Plan, detail: SagaDetail, payloads: Payloads) -> dict[str, Any]:
    """The document of the plan, with input and result of each step that is undone. They are not in the digest."""
    document = plan.document()
    for stage, planned in zip(document["stages"], plan.stages, strict=True):
        for undo, each in zip(stage, planned, strict=True):
            undo |= {"input": _input(detail, each.step, payloads), "result": payloads.result(detail, each.step)}
    return document


def _undo_lines(plan: Plan, detail: SagaDetail, payloads: Payloads) -> Iterator[str]:
    if plan.request.action == "roll back" and not plan.stages:
        yield "no step needs to be compensated"
    for number, stage in enumerate(plan.stages, 1):
        for each in stage:
            step = detail.graph.steps[each.step]
            yield f"{number}. {step.name} ({step.service}.{step.handler}): {each.undo.value}"
            yield from _payload_lines(detail, each, payloads)
    if plan.kept:
        yield f"cannot be undone and remains: {', '.join(plan.kept)}"


def _payload_lines(detail: SagaDetail, each: PlannedUndo, payloads: Payloads) -> Iterator[str]:
    if each.undo is not UndoAction.AWAIT_PIVOT:
        result = shortened(payloads.result_text(detail, each.step))
        text = f", result {result}" if result else ""
        yield f"     input {shortened(json.dumps(_input(detail, each.step, payloads), ensure_ascii=False))}{text}"


def _input(detail: SagaDetail, step: int, payloads: Payloads) -> Json:
    """The input of the compensation, as the participant will build it."""
    template = detail.graph.steps[step].inputs
    if template is None:
        return payloads.input(detail)
    value: Json = decoded(detail.input)
    records = without_retracted(detail.records, detail.state.vector)
    results: dict[int, Json] = {
        position: decoded(record.result) for position, record in records.items() if record.result is not None
    }
    try:
        return payloads.made(template, resolve(template, value, detail.graph.results_by_name(results)))
    except InputRefused as error:
        return str(error)
