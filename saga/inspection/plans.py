"""What an action would do, line by line: for --dry-run, and before a person is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

import pydantic_core

from saga.core.definition.graph import Graph, Json
from saga.core.definition.paths import resolve
from saga.core.rules.rollback_preview import PlannedUndo, RollbackPreview, UndoAction, preview_rollback
from saga.core.state.saga_state import State
from saga.errors import InputRefused
from saga.inspection.wording import letter_word, phase_word, readable, shortened
from saga.ports.saga_detail import SagaDetail

_STANDS: Final = frozenset("SdDwWuUkKG?")  # abandoned, an effect of these is there, or may be


def changes(graph: Graph, before: State, after: State) -> list[str]:
    """Every letter that becomes another, and the phase."""
    lines = [
        f"{step.name}: {letter_word(old)} -> {letter_word(new)}"
        for step, old, new in zip(graph.steps, before.vector, after.vector, strict=True)
        if old != new
    ]
    if before.phase is not after.phase:
        lines.append(f"saga: {phase_word(before.phase)} -> {phase_word(after.phase)}")
    if before.paused is not after.paused:
        lines.append("saga: paused" if after.paused else "saga: goes on")
    if after.rollback_requested and not before.rollback_requested:
        lines.append("saga: rollback requested, it waits for the outcome of the pivot")
    return lines


def roll_back(case: SagaDetail) -> tuple[list[str], dict[str, Any]]:
    """The plan of a rollback for people and for programs: stages in order, inputs, and what cannot be undone."""
    preview = preview_rollback(case.graph, case.state, now=case.now)
    if preview.refusal is not None:
        return [f"nothing would be rolled back: {preview.refusal}"], {"refusal": preview.refusal}
    return list(_roll_back_lines(case, preview)), _roll_back_document(case, preview)


def _roll_back_lines(case: SagaDetail, preview: RollbackPreview) -> Iterator[str]:
    if not preview.stages:
        yield "nothing has to be undone"
    for number, stage in enumerate(preview.stages, 1):
        for each in stage:
            step = case.graph.steps[each.step]
            yield f"{number}. {step.name} ({step.service}.{step.handler}): {each.undo.value}"
            if each.undo is not UndoAction.AWAIT_PIVOT:
                yield f"     input {shortened(_input_text(case, each.step))}{_result_text(case, each.step)}"
    kept = [case.graph.steps[each.step].name for each in preview.untouched if each.undo is UndoAction.KEEP]
    if kept:
        yield f"cannot be undone, and stays: {', '.join(kept)}"


def _roll_back_document(case: SagaDetail, preview: RollbackPreview) -> dict[str, Any]:
    return {
        "refusal": None,
        "stages": [[_undoing_document(case, each) for each in stage] for stage in preview.stages],
        "untouched": [_undoing_document(case, each) for each in preview.untouched],
    }


def _undoing_document(case: SagaDetail, each: PlannedUndo) -> dict[str, Any]:
    record = case.records.get(each.step)
    return {
        "step": case.graph.steps[each.step].name,
        "state": letter_word(each.letter),
        "undo": each.undo.name.lower(),
        "input": _input(case, each.step),
        "result": None if record is None or record.result is None else pydantic_core.from_json(record.result),
    }


def _input_text(case: SagaDetail, step: int) -> str:
    return json.dumps(_input(case, step), ensure_ascii=False)


def _result_text(case: SagaDetail, step: int) -> str:
    record = case.records.get(step)
    return "" if record is None or record.result is None else f", result {shortened(readable(record.result))}"


def _input(case: SagaDetail, step: int) -> Json:
    """What the compensation will be given, as the participant will make it."""
    value: Json = pydantic_core.from_json(case.input)
    template = case.graph.steps[step].inputs
    if template is None:
        return value
    results = {
        case.graph.steps[position].name: pydantic_core.from_json(record.result)
        for position, record in case.records.items()
        if record.result is not None
    }
    try:
        return resolve(template, value, results)
    except InputRefused as error:
        return str(error)


def residue(graph: Graph, vector: str) -> list[str]:
    """What an abandoned saga leaves undone: effects that are there, and those of which nobody knows."""
    return [f"left: {line}" for line in _left(graph, vector)]


def _left(graph: Graph, vector: Sequence[str]) -> Iterator[str]:
    for step, letter in zip(graph.steps, vector, strict=True):
        if letter in _STANDS and not step.read_only:
            known = "its effect stands" if letter == "S" else f"its effect may be there ({letter_word(letter)})"
            yield f"{step.name} ({step.service}): {known}"
