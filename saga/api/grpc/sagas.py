"""The service Sagas."""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError

from saga.api.calls.answers import Document
from saga.api.calls.reading import PAGE, PAGE_MAX, PARTS, USUAL_PARTS, shown
from saga.api.calls.starting import Start, start
from saga.api.grpc.messages import payload_in, word_of
from saga.api.grpc.methods import Answer, Call
from saga.api.problems import REFUSED, misfit
from saga.errors import UsageError
from saga.inspection.documents import page_document
from saga.inspection.references import find_saga
from saga.v1 import sagas_pb2 as messages


async def start_saga(call: Call, request: messages.StartSagaRequest) -> Document:
    fields = call.fields | {"definition": request.definition}
    if "input" in fields:
        fields["input"] = payload_in(request.input, "input")
    try:
        wanted = Start.model_validate(fields)
    except ValidationError as error:
        raise misfit(REFUSED, error.errors()) from None
    return await start(call.sagas, wanted)


async def list_sagas(call: Call, request: messages.ListSagasRequest) -> Document:
    return page_document(await call.sagas.search(request.q, limit=limit_of(call), cursor=call.fields.get("cursor")))


async def get_saga(call: Call, request: messages.GetSagaRequest) -> Document:
    enum, words = messages.Part.DESCRIPTOR, tuple(sorted(PARTS))
    parts = [word_of(enum, number, words) for number in request.with_parts] or USUAL_PARTS
    detail = await call.sagas.detail(await find_saga(call.sagas.adapter, request.ref))
    found = await shown(detail, parts, call.reader)
    return {"now": found["now"], "saga": found}


def limit_of(call: Call) -> int:
    limit: int = call.fields.get("limit", PAGE)
    if not 1 <= limit <= PAGE_MAX:
        raise UsageError(f"limit: {limit} is not between 1 and {PAGE_MAX}")
    return limit


METHODS: Final[dict[str, Answer]] = {
    "StartSaga": start_saga,
    "ListSagas": list_sagas,
    "GetSaga": get_saga,
}
