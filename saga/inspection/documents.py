"""What reading commands print with --json. Programs rely on these names: they may be added to, not changed."""

from __future__ import annotations

import json
from typing import Any

from saga.inspection.why import document, why
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
        "deadline": line.deadline,
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


def case_document(case: SagaDetail) -> Document:
    state = case.state
    return {
        "saga": str(case.saga),
        "definition": case.graph.name,
        "version": case.graph.version,
        "phase": phase_word(state.phase),
        "roll_back_requested": state.rollback_requested,
        "paused": state.paused,
        "stuck": state.is_stuck and not state.phase.is_terminal,
        "reason": state.reason,
        "key": case.key,
        "tags": None if case.tags is None else json.loads(case.tags),
        "started_at": case.started_at,
        "ended_at": case.ended_at,
        "deadline": state.deadline,
        "input": value(case.input),
        "why": document(why(case)),
        "steps": [_step_document(case, position) for position in range(len(case.graph.steps))],
        "history": [
            {
                "at": moment.at,
                "event": moment.kind,
                "step": None if moment.step is None else case.graph.steps[moment.step].name,
                "detail": moment.detail,
                "process": moment.process,
            }
            for moment in case.history
        ],
    }


def _step_document(case: SagaDetail, position: int) -> Document:
    step, record, instruction = case.graph.steps[position], case.records.get(position), case.commands.get(position)
    found: Document = {
        "name": step.name,
        "service": step.service,
        "mode": step.mode.name.lower(),
        "pivot": step.pivot,
        "state": letter_word(case.state.vector[position]),
        "attempts": 0,
        "failures": 0,
        "process": None,
        "due_at": None,
        "lease_until": None,
        "error": None,
        "finished_at": None,
        "result": None,
    }
    if record is not None:
        found |= {"attempts": record.attempts, "process": record.process, "finished_at": record.finished_at}
        found["result"] = value(record.result)
    if instruction is not None:
        for name in ("failures", "due_at", "lease_until", "error"):
            found[name] = getattr(instruction, name)
        found |= {"attempts": instruction.deliveries, "process": instruction.owner}
    return found


def value(data: bytes | None) -> Any:
    """A payload as JSON; one that a codec has encrypted is only measured."""
    if data is None:
        return None
    try:
        return json.loads(data)
    except ValueError:
        return f"{len(data)} bytes"
