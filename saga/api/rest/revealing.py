"""Revealing a field that a type marks as sensitive. Those who lack the right are refused, and the audit says so."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from fastapi import Request, Response
from pydantic import ValidationError

from saga.api.calls.revealing import REVEALER, Revealing, record_refusal, reveal
from saga.api.disclosure import reader_of
from saga.api.principals import principal_of, requires
from saga.api.problems import FORBIDDEN, Problem
from saga.api.rest.acting import RequestId
from saga.api.rest.routes import Connected, Routes, SagaId, answer, sagas_of
from saga.errors import NotFound, UsageError
from saga.inspection.references import find_saga

routes: Final = Routes("actions")


async def requires_right(request: Request, asked: str | bytes) -> None:
    """The sender may reveal. Raises Problem; if it is known but lacks the right, the audit has got a line before that.

    `asked`: the request as JSON, for this line; it may be anything.
    """
    try:
        await requires(REVEALER)(request)
    except Problem as problem:
        if problem.kind is FORBIDDEN:
            await _record(request, asked, problem.detail)
        raise


async def _record(request: Request, asked: str | bytes, refusal: str) -> None:
    sagas, wanted, saga = sagas_of(request), None, None
    with suppress(ValidationError):
        wanted = Revealing.model_validate_json(asked)
    with suppress(NotFound, UsageError):
        saga = await find_saga(sagas.adapter, request.path_params["ref"])
    await record_refusal(sagas, saga, wanted, principal_of(request), refusal)


async def _check(request: Request) -> None:
    await requires_right(request, await request.body())


@routes.post("/sagas/{ref}/reveal", REVEALER, summary="Reveal one hidden field, for a reason", check=_check)
async def reveal_field(
    request: Request, sagas: Connected, saga: SagaId, revealing: Revealing, idempotency_key: RequestId = None
) -> Response:
    return answer(request, await reveal(sagas, saga, revealing, reader_of(request), idempotency_key))
