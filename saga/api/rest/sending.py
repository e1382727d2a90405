"""Sending events to sagas, and completing steps from outside."""

from __future__ import annotations

from typing import Any, ClassVar, Final
from uuid import UUID

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from saga.api.principals import Role
from saga.api.rest.routes import Connected, Routes, Text, answer, now_of
from saga.client.event_values import EVENT_ID_CHARS_MAX

routes: Final = Routes("sagas")


class Message(BaseModel):
    """An event for a saga. With an `id` of the client's, the request may be repeated: the same id counts once in a saga."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: Text = Field(max_length=200, description="Name of the event, as a wait of the saga's definition has it.")
    payload: Any = Field(default=None, description="What comes with the event, as its definition describes it.")
    id: Text | None = Field(default=None, max_length=EVENT_ID_CHARS_MAX, description="Id of the event.")


class CompletionOfStep(BaseModel):
    """The outcome of a step that somebody outside completes: its result, or the reason of its rejection or failure."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    token: Text = Field(max_length=200, description="The token that the handler of the step has handed out.")
    value: Any = Field(default=None, description="The result of the step, as its contract describes it.")
    rejected: Text | None = Field(default=None, description="Why the step has had no effect and never will have one.")
    failed: Text | None = Field(default=None, description="Why nobody knows whether the step took effect.")

    @model_validator(mode="after")
    def _is_one(self) -> CompletionOfStep:
        if sum(name in self.model_fields_set for name in ("value", "rejected", "failed")) > 1:
            raise ValueError("value, rejected and failed exclude each other")
        return self


@routes.post(
    "/sagas/{saga}/messages", Role.STARTER, summary="Send an event to a saga: 202 new, 200 sent before", status=202
)
async def send_event(request: Request, sagas: Connected, saga: UUID, message: Message) -> Response:
    sent = await sagas.send(saga, message.name, message.payload, id=message.id)
    found = {"now": now_of(sagas), "id": sent.id, "is_new": sent.is_new}
    return answer(request, found, 202 if sent.is_new else 200)


@routes.post("/completions", Role.STARTER, summary="Complete a step from outside: 202 new, 200 done before", status=202)
async def complete_step(request: Request, sagas: Connected, completion: CompletionOfStep) -> Response:
    if completion.rejected is not None:
        sent = await sagas.reject(completion.token, completion.rejected)
    elif completion.failed is not None:
        sent = await sagas.fail(completion.token, completion.failed)
    else:
        sent = await sagas.complete(completion.token, completion.value)
    found = {"now": now_of(sagas), "id": sent.id, "is_new": sent.is_new}
    return answer(request, found, 202 if sent.is_new else 200)
