"""Sagas and definitions as JSON, as `--json` prints them. Programs rely on these names: add to them, do not change them.

Times are numbers: seconds since the epoch, on the store's clock.
"""

from __future__ import annotations

import json
from typing import Any

from saga.inspection.attempts import attempts_in_history, operations
from saga.inspection.moments import ROLLING_BACK, budget_end_of, deadline_of
from saga.inspection.returned import returned
from saga.inspection.why import why
from saga.inspection.wording import letter_word, phase_word
from saga.ports.listing import DefinitionLine, SagaLine
from saga.ports.saga_detail import SagaDetail

Document = dict[str, Any]


def line_document(line: SagaLine) -> Document:
    return {
        "saga": str(line.saga),
        "definition": line.definition_name,
        "version": line.definition_version,
        "phase": phase_word(line.phase),
        "roll_back_requested": line.is_rollback_requested,
        "paused": line.is_paused,
        "stuck": line.is_stuck,
        "steps": list(line.steps),
        "since": line.since,
        "deadline": None if line.phase in ROLLING_BACK else line.deadline,
        "compensation_budget_ends_at": line.deadline if line.phase in ROLLING_BACK else None,
        "reason": line.reason,
        "key": line.key,
        "started_at": line.started_at,
        "ended_at": line.ended_at,
    }


def definition_document(one: DefinitionLine) -> Document:
    return {
        "name": one.name,
        "version": one.version,
        "default": one.is_default,
        "steps": one.steps,
        "services": list(one.services),
        "live_sagas": one.live,
        "hash": one.hash.hex(),
    }


def saga_document(detail: SagaDetail) -> Document:
    state = detail.state
    return {
        "saga": str(detail.saga),
        "definition": detail.graph.name,
        "version": detail.graph.version,
        "phase": phase_word(state.phase),
        "roll_back_requested": state.rollback_requested,
        "paused": state.paused,
        "stuck": state.is_stuck and not state.phase.is_terminal,
        "reason": state.reason,
        "key": detail.key,
        "tags": None if detail.tags is None else json.loads(detail.tags),
        "started_at": detail.started_at,
        "ended_at": detail.ended_at,
        "deadline": deadline_of(detail),
        "compensation_budget_ends_at": budget_end_of(detail),
        "result": returned(detail),
        "input": payload(detail.input),
        "why": why(detail).document(),
        "steps": [_step_document(detail, position) for position in range(len(detail.graph.steps))],
        "history": [
            {
                "at": line.at,
                "event": line.kind,
                "step": None if line.step is None else detail.graph.steps[line.step].name,
                "detail": line.detail,
                "process": line.process,
                "operation": None if operation is None else operation.name.lower(),
            }
            for line, operation in zip(detail.history, operations(detail), strict=True)
        ],
    }


def _step_document(detail: SagaDetail, position: int) -> Document:
    step, record, command = detail.graph.steps[position], detail.records.get(position), detail.commands.get(position)
    found: Document = {
        "name": step.name,
        "service": step.service,
        "mode": step.mode.name.lower(),
        "pivot": step.pivot,
        "state": letter_word(detail.state.vector[position]),
        "attempts": 0,
        "failures": 0,
        "process": None,
        "operation": None,
        "due_at": None,
        "lease_until": None,
        "error": None,
        "finished_at": None,
        "result": None,
    }
    if record is not None:
        found |= {"attempts": record.attempts, "process": record.process, "finished_at": record.finished_at}
        found["result"] = payload(record.result)
    else:
        shown = attempts_in_history(detail, position)
        found |= {"attempts": shown.attempts, "process": shown.process, "finished_at": shown.finished_at}
    if command is not None:
        found["operation"] = command.operation.name.lower()
        for name in ("failures", "due_at", "lease_until", "error"):
            found[name] = getattr(command, name)
        found |= {"attempts": command.deliveries, "process": command.owner}
    return found


def payload(data: bytes | None) -> Any:
    """A payload as JSON; of a payload that is not JSON (a codec may encrypt it) only the size."""
    if data is None:
        return None
    try:
        return json.loads(data)
    except ValueError:
        return f"{len(data)} bytes"
