"""The service Sagas."""

from __future__ import annotations

import math
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, cast
from uuid import UUID

from saga.api.calls.acting import Acting, Approval, acted, audit_page, planned
from saga.api.calls.answers import Document
from saga.api.calls.reading import (
    PAGE,
    PAGE_MAX,
    PARTS,
    USUAL_PARTS,
    WAIT_SECONDS_MAX,
    history_page,
    result_of,
    shown,
)
from saga.api.calls.sending import CompletionOfStep, Message, complete, send
from saga.api.calls.starting import Start, start
from saga.api.calls.watching import Streams, events
from saga.api.grpc.messages import payload_in, valid, word_of
from saga.api.grpc.methods import Answer, Call
from saga.api.live.place import Place
from saga.api.principals import ROLES, permitted
from saga.errors import UsageError
from saga.inspection.actions.request import ACTIONS, EVIDENCE, ActionName, ActionRequest, Evidence
from saga.inspection.documents import page_document
from saga.inspection.references import find_saga
from saga.v1 import sagas_pb2 as messages

ANSWER_SECONDS: Final = 0.25
"""An answer that waits for the end of a saga comes this long before the deadline of its call."""
_APPROVED: Final = re.compile(r"[0-9a-f]+|\*")


async def start_saga(call: Call, request: messages.StartSagaRequest) -> Document:
    fields = call.fields | {"definition": request.definition}
    if "input" in fields:
        fields["input"] = payload_in(request.input, "input")
    return await start(call.sagas, valid(Start, fields))


async def list_sagas(call: Call, request: messages.ListSagasRequest) -> Document:
    return page_document(await call.sagas.search(request.q, limit=limit_of(call), cursor=call.fields.get("cursor")))


async def get_saga(call: Call, request: messages.GetSagaRequest) -> Document:
    enum, words = messages.Part.DESCRIPTOR, tuple(sorted(PARTS))
    parts = [word_of(enum, number, words) for number in request.with_parts] or USUAL_PARTS
    return _with_saga(await shown(await call.sagas.detail(await _saga(call)), parts, call.reader))


async def get_result(call: Call, request: messages.GetResultRequest) -> Document:
    seconds = request.wait.ToTimedelta().total_seconds()
    if not 0 <= seconds <= WAIT_SECONDS_MAX:
        raise UsageError(f"wait: {seconds:g} s is not between 0 and {WAIT_SECONDS_MAX:.0f} s; ask again after that")
    left = math.inf if call.seconds_left is None else call.seconds_left - ANSWER_SECONDS
    return await result_of(call.sagas, await _saga(call), max(0.0, min(seconds, left)), call.reader)


async def get_history(call: Call, _: messages.GetHistoryRequest) -> Document:
    return await history_page(call.sagas, await _saga(call), call.fields.get("cursor"), limit_of(call))


async def watch_saga(call: Call, request: messages.WatchSagaRequest) -> AsyncGenerator[Document]:
    streams = Streams(call.desk.watcher, call.desk.limits, call.reader.principal.sender)
    streams.check()
    place = Place.read(request.last_event_id) if "last_event_id" in call.fields else Place()
    async with aclosing(events(streams, await _saga(call), place, call.authorise)) as found:
        async for event in found:
            if event.name is not None:
                yield {event.name: event.document, "id": event.place, "now": event.document.get("now")}


async def plan_action(call: Call, request: messages.PlanActionRequest) -> Document:
    return await planned(call.sagas, await _saga(call), _wanted(call, request))


async def act(call: Call, request: messages.ActRequest) -> Document:
    wanted, approved = _wanted(call, request), call.fields.get("if_match")
    if approved is not None and not _APPROVED.fullmatch(approved):
        raise UsageError("if_match is the digest of a plan, as PlanAction answers it, or *")
    given = valid(Acting, {"reason": request.reason, "step": wanted.step, "evidence": wanted.evidence})
    approval = Approval(approved, call.fields.get("idempotency_key"), "send its digest as if_match")
    found, is_replayed = await acted(call.sagas, await _saga(call), wanted, given.reason, call.reader, approval)
    return _with_saga(found) | {"is_replayed": is_replayed}


async def get_saga_audit(call: Call, _: messages.GetSagaAuditRequest) -> Document:
    return await audit_page(call.sagas, await _saga(call), call.fields.get("before"), limit_of(call))


async def send_event(call: Call, request: messages.SendEventRequest) -> Document:
    fields = {"name": request.name} | {name: value for name, value in call.fields.items() if name != "ref"}
    if "payload" in fields:
        fields["payload"] = payload_in(request.payload, "payload")
    return await send(call.sagas, await _saga(call), valid(Message, fields))


async def complete_step(call: Call, request: messages.CompleteStepRequest) -> Document:
    fields = {"token": request.token} | call.fields
    if "value" in fields:
        fields["value"] = payload_in(request.value, "value")
    return await complete(call.sagas, valid(CompletionOfStep, fields))


async def _saga(call: Call) -> UUID:
    return await find_saga(call.sagas.adapter, call.fields.get("ref", ""))


def _with_saga(found: Document) -> Document:
    return {"now": found["now"], "saga": found}


def _wanted(call: Call, request: messages.PlanActionRequest | messages.ActRequest) -> ActionRequest:
    """The action of a request. Raises Problem if the role of the sender does not suffice for it."""
    action = cast("ActionName", word_of(messages.Action.DESCRIPTOR, request.action, ACTIONS))
    permitted(call.reader.principal, ROLES[action])
    evidence = "evidence" in call.fields and word_of(messages.Evidence.DESCRIPTOR, request.evidence, EVIDENCE)
    return ActionRequest(action, call.fields.get("step"), cast("Evidence | None", evidence or None))


def limit_of(call: Call) -> int:
    limit: int = call.fields.get("limit", PAGE)
    if not 1 <= limit <= PAGE_MAX:
        raise UsageError(f"limit: {limit} is not between 1 and {PAGE_MAX}")
    return limit


METHODS: Final[dict[str, Answer]] = {
    "StartSaga": start_saga,
    "ListSagas": list_sagas,
    "GetSaga": get_saga,
    "GetResult": get_result,
    "GetHistory": get_history,
    "WatchSaga": watch_saga,
    "PlanAction": plan_action,
    "Act": act,
    "GetSagaAudit": get_saga_audit,
    "SendEvent": send_event,
    "CompleteStep": complete_step,
}
