"""Sagas and definitions as JSON, for `--json` and the API. Programs rely on these names: add to them, do not change them.

Times are of the store's clock: the commands print seconds since the epoch, the API prints RFC 3339.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any, Final

from saga.core.definition.graph import Graph
from saga.inspection.attempts import attempts_in_history, operations
from saga.inspection.instants import Instant, instant
from saga.inspection.masking.shown import Shown, payloads_of
from saga.inspection.moments import ROLLING_BACK, budget_end_of, deadline_of
from saga.inspection.query.search import Searched
from saga.inspection.step_reason import reason_of
from saga.inspection.why import why
from saga.inspection.wording import letter_word, phase_word
from saga.ports.listing import DefinitionLine, SagaLine
from saga.ports.saga_detail import SagaDetail
from saga.ports.values.audit import AuditLine

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
        "since": Instant(line.since),
        "deadline": None if line.phase in ROLLING_BACK else instant(line.deadline),
        "compensation_budget_ends_at": instant(line.deadline) if line.phase in ROLLING_BACK else None,
        "reason": line.reason,
        "key": line.key,
        "started_at": Instant(line.started_at),
        "ended_at": instant(line.ended_at),
    }


def audit_document(line: AuditLine, graph: Graph | None = None) -> Document:
    """A line of the audit. `step` is a name if the graph of the saga is given, else None."""
    audit, action = line.audit, line.audit.action
    return {
        "id": line.id,
        "at": Instant(line.at),
        "saga": None if line.saga is None else str(line.saga),
        "actor": action.actor,
        "authenticated": action.authenticated,
        "address": action.address,
        "action": action.action,
        "step": None if graph is None or action.step is None else graph.steps[action.step].name,
        "reason": action.reason,
        "request": action.request,
        "plan": action.plan,
        "refusal": audit.refusal,
        "before": audit.detail.get("before"),
        "after": audit.detail.get("after"),
    }


def page_document(page: Searched) -> Document:
    """A page of a search. `complete`: False if it was cut short; then it goes on with the cursor `next`."""
    return {
        "now": Instant(page.now),
        "sagas": [line_document(line) for line in page.lines],
        "next": page.cursor,
        "complete": page.is_complete,
        "scanned_to": None if page.scanned_to is None else str(page.scanned_to),
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


ALL_PARTS: Final = frozenset(("input", "result", "why", "steps", "history"))


def saga_document(detail: SagaDetail, parts: Collection[str] = ALL_PARTS, *, shown: Shown | None = None) -> Document:
    """A saga with these of its parts. `shown`: how input and results are shown; without it, as the definition alone says."""
    state, shown = detail.state, payloads_of(detail) if shown is None else shown
    found: Document = {
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
        "started_at": Instant(detail.started_at),
        "ended_at": instant(detail.ended_at),
        "deadline": instant(deadline_of(detail)),
        "compensation_budget_ends_at": instant(budget_end_of(detail)),
    }
    makers: dict[str, Callable[[], Any]] = {
        "result": lambda: shown.returned(detail),
        "input": lambda: shown.input(detail),
        "why": lambda: why(detail).document(),
        "steps": lambda: [step_document(detail, position, shown) for position in range(len(detail.graph.steps))],
        "history": lambda: history_document(detail),
    }
    return found | {part: make() for part, make in makers.items() if part in parts}


def history_document(detail: SagaDetail) -> list[Document]:
    return [
        {
            "at": Instant(line.at),
            "event": line.kind,
            "step": None if line.step is None else detail.graph.steps[line.step].name,
            "detail": line.detail,
            "process": line.process,
            "operation": None if operation is None else operation.name.lower(),
        }
        for line, operation in zip(detail.history, operations(detail), strict=True)
    ]


def step_document(detail: SagaDetail, position: int, shown: Shown) -> Document:
    step, record, command = detail.graph.steps[position], detail.records.get(position), detail.commands.get(position)
    found: Document = {
        "name": step.name,
        "kind": step.kind.value,
        "service": step.service,
        "mode": step.mode.name.lower(),
        "pivot": step.pivot,
        "state": letter_word(detail.state.vector[position]),
        "reason": reason_of(detail, position),
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
        found |= {"attempts": record.attempts, "process": record.process, "finished_at": instant(record.finished_at)}
        found["result"] = shown.result(detail, position)
    else:
        past = attempts_in_history(detail, position)
        found |= {"attempts": past.attempts, "process": past.process, "finished_at": instant(past.finished_at)}
    if command is not None:
        found["operation"] = command.operation.name.lower()
        found |= {"due_at": instant(command.due_at), "lease_until": instant(command.lease_until)}
        found |= {"failures": command.failures, "error": command.error}
        found |= {"attempts": command.deliveries, "process": command.owner}
    return found
