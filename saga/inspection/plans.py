"""The changes that an action makes, line by line: for a dry run, and to show them before an operator confirms."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

import pydantic_core

from saga.core.definition.graph import Graph
from saga.core.definition.json_value import Json
from saga.core.definition.paths import resolve
from saga.core.state.letters import SUCCEEDED, UNDER_WAY_LETTERS, UNKNOWN
from saga.core.state.saga_state import State
from saga.errors import InputRefused
from saga.inspection.rollback_preview import PlannedUndo, RollbackPreview, UndoAction, preview_rollback
from saga.inspection.wording import letter_word, phase_word, readable, shortened
from saga.ports.saga_detail import SagaDetail

_MAY_HAVE_EFFECT: Final = UNDER_WAY_LETTERS | {SUCCEEDED, UNKNOWN}  # when the saga is abandoned


def changes(graph: Graph, before: State, after: State) -> list[str]:
    """Lists each step whose state changes, and what changes for the whole saga."""
    lines = [
        f"{step.name}: {letter_word(old)} -> {letter_word(new)}"
        for step, old, new in zip(graph.steps, before.vector, after.vector, strict=True)
        if old != new
    ]
    if before.phase is not after.phase:
        lines.append(f"saga: {phase_word(before.phase)} -> {phase_word(after.phase)}")
    if before.paused is not after.paused:
        lines.append("saga: paused" if after.paused else "saga: resumed")
    if after.rollback_requested and not before.rollback_requested:
        lines.append("saga: rollback requested; it waits for the outcome of the pivot")
    return lines


def rollback_plan(detail: SagaDetail) -> tuple[list[str], dict[str, Any]]:
    """Returns the plan of a rollback as lines and as JSON: stages in order, inputs, and what cannot be undone."""
    preview = preview_rollback(detail.graph, detail.state, now=detail.now, unclaimed=detail.unclaimed)
    if preview.refusal is not None:
        return [f"there is nothing to roll back: {preview.refusal}"], {"refusal": preview.refusal}
    return list(_rollback_lines(detail, preview)), _rollback_document(detail, preview)


def _rollback_lines(detail: SagaDetail, preview: RollbackPreview) -> Iterator[str]:
    if not preview.stages:
        yield "no step needs to be compensated"
    for number, stage in enumerate(preview.stages, 1):
        for each in stage:
            step = detail.graph.steps[each.step]
            yield f"{number}. {step.name} ({step.service}.{step.handler}): {each.undo.value}"
            if each.undo is not UndoAction.AWAIT_PIVOT:
                yield f"     input {shortened(_input_text(detail, each.step))}{_result_text(detail, each.step)}"
    kept = [detail.graph.steps[each.step].name for each in preview.untouched if each.undo is UndoAction.KEEP]
    if kept:
        yield f"cannot be undone and remains: {', '.join(kept)}"


def _rollback_document(detail: SagaDetail, preview: RollbackPreview) -> dict[str, Any]:
    return {
        "refusal": None,
        "stages": [[_undo_document(detail, each) for each in stage] for stage in preview.stages],
        "untouched": [_undo_document(detail, each) for each in preview.untouched],
    }


def _undo_document(detail: SagaDetail, each: PlannedUndo) -> dict[str, Any]:
    record = detail.records.get(each.step)
    return {
        "step": detail.graph.steps[each.step].name,
        "state": letter_word(each.letter),
        "undo": each.undo.name.lower(),
        "input": _input(detail, each.step),
        "result": None if record is None or record.result is None else pydantic_core.from_json(record.result),
    }


def _input_text(detail: SagaDetail, step: int) -> str:
    return json.dumps(_input(detail, step), ensure_ascii=False)


def _result_text(detail: SagaDetail, step: int) -> str:
    record = detail.records.get(step)
    return "" if record is None or record.result is None else f", result {shortened(readable(record.result))}"


def _input(detail: SagaDetail, step: int) -> Json:
    """The input of the compensation, as the participant will build it."""
    value: Json = pydantic_core.from_json(detail.input)
    template = detail.graph.steps[step].inputs
    if template is None:
        return value
    results: dict[int, Json] = {
        position: pydantic_core.from_json(record.result)
        for position, record in detail.records.items()
        if record.result is not None
    }
    try:
        return resolve(template, value, detail.graph.results_by_name(results))
    except InputRefused as error:
        return str(error)


def remaining_effects(graph: Graph, vector: str) -> list[str]:
    """Lists what an abandoned saga leaves behind: the effects that exist, and those that may exist."""
    return [f"left: {line}" for line in _left(graph, vector)]


def _left(graph: Graph, vector: Sequence[str]) -> Iterator[str]:
    for step, letter in zip(graph.steps, vector, strict=True):
        if letter in _MAY_HAVE_EFFECT and not step.read_only:
            known = "its effect remains" if letter == SUCCEEDED else f"its effect may exist ({letter_word(letter)})"
            yield f"{step.name} ({step.service}): {known}"
