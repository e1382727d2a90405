"""Starting sagas."""

from __future__ import annotations

from typing import Any, ClassVar, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from saga.api.calls.answers import Document, Text, now_of
from saga.client import StoreSagas
from saga.errors import NotFound
from saga.inspection.references import missing_definition

INTEGER_MAX: Final = 2**31 - 1


class Start(BaseModel):
    """A saga to start. With a `key` or an `id` of the client's, the request may be repeated until it is answered."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    definition: Text = Field(max_length=200, description="Name of the definition.")
    version: int | None = Field(default=None, ge=1, le=INTEGER_MAX, description="Without it, the newest activated one.")
    input: Any = Field(default=None, description="The input of the saga, as its definition describes it.")
    key: Text | None = Field(default=None, description="Start key: the same key never starts a second saga.")
    id: UUID | None = Field(default=None, description="Id of the saga: a UUIDv7 that the client makes.")
    tags: dict[Text, Text] | None = Field(default=None, description="Texts by name, for finding the saga.")


async def start(sagas: StoreSagas, start: Start) -> Document:
    """Starts a saga, or finds the one with the same key or id. Raises NotFound, InputRefused, Conflict, UsageError, Unavailable."""
    try:
        handle = await sagas.start_as(
            start.id, start.definition, start.input, key=start.key, version=start.version, tags=start.tags
        )
    except NotFound as error:
        raise NotFound(await missing_definition(sagas.listing, start.definition) or str(error)) from None
    return {"now": now_of(sagas), "saga": str(handle.id), "is_new": handle.is_new}
