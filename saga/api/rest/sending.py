"""Sending events to sagas, and completing steps from outside."""

from __future__ import annotations

from typing import Final

from fastapi import Request, Response

from saga.api.calls.sending import CompletionOfStep, Message, complete, send
from saga.api.principals import Role
from saga.api.rest.routes import Connected, Routes, SagaId, answer

routes: Final = Routes("sagas")


@routes.post("/sagas/{ref}/messages", Role.STARTER, summary="Send an event: 202 new, 200 sent before", status=202)
async def send_event(request: Request, sagas: Connected, saga: SagaId, message: Message) -> Response:
    found = await send(sagas, saga, message)
    return answer(request, found, 202 if found["is_new"] else 200)


@routes.post("/completions", Role.STARTER, summary="Complete a step: 202 new, 200 completed before", status=202)
async def complete_step(request: Request, sagas: Connected, completion: CompletionOfStep) -> Response:
    found = await complete(sagas, completion)
    return answer(request, found, 202 if found["is_new"] else 200)
