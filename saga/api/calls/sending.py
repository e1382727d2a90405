"""Sends events to sagas, and completes steps from outside."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from saga.api.calls.answers import Document, Text, now_of
from saga.client import StoreSagas
from saga.client.event_values import EVENT_ID_CHARS_MAX


class Message(BaseModel):
    """An event for a saga. With an `id` of the client's, the request may be repeated: the same id counts once in a saga."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: Text = Field(max_length=200, description="Name of the event, as a wait of the saga's definition has it.")
    payload: Any = Field(default=None, description="What comes with the event, as its definition describes it.")
    id: Text | None = Field(default=None, max_length=EVENT_ID_CHARS_MAX, description="Id of the event.")


class CompletionOfStep(BaseModel):
    """The outcome of a step that another system completes: its result, or the reason of its rejection or failure."""

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


async def send(sagas: StoreSagas, saga: UUID, message: Message) -> Document:
    """Sends an event. Raises as `Sagas.send`."""
    sent = await sagas.send(saga, message.name, message.payload, id=message.id)
    return {"now": now_of(sagas), "id": sent.id, "is_new": sent.is_new}


async def complete(sagas: StoreSagas, completion: CompletionOfStep) -> Document:
    """Completes a step. Raises as `Sagas.complete`."""
    if completion.rejected is not None:
        sent = await sagas.reject(completion.token, completion.rejected)
    elif completion.failed is not None:
        sent = await sagas.fail(completion.token, completion.failed)
    else:
        sent = await sagas.complete(completion.token, completion.value)
    return {"now": now_of(sagas), "id": sent.id, "is_new": sent.is_new}
