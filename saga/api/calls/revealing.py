"""Reveals one field that a type marks as sensitive: to those with the right, for a reason, and with a line of the audit."""

from __future__ import annotations

from typing import ClassVar, Final
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field

from saga.api.calls.acting import REASON_CHARS_MAX
from saga.api.calls.answers import Document, Text, now_of
from saga.api.disclosure import Reader
from saga.api.principals import Principal, Role
from saga.client import StoreSagas
from saga.core.text import storable
from saga.errors import AlreadyExists
from saga.inspection.masking.hidden import hidden_value, path_words
from saga.ports.values.audit import Action, Audit

REVEALER: Final = Role.ADMIN
"""The role that may see what a type marks as sensitive."""
PATH_SEGMENTS_MAX: Final = 64
ACTION_CHARS_MAX: Final = 200
"""Characters of a path in the audit; the rest of a longer one is cut."""


class Revealing(BaseModel):
    """A field, and why its value is needed; the audit keeps both."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    path: list[Text | int] = Field(
        min_length=1,
        max_length=PATH_SEGMENTS_MAX,
        description='The way to the field: ["input", ...], or ["steps", its name, "output", ...].',
    )
    reason: Text = Field(min_length=1, max_length=REASON_CHARS_MAX, description="Why; it is recorded in the audit.")


async def reveal(sagas: StoreSagas, saga: UUID, wanted: Revealing, reader: Reader, request: str | None) -> Document:
    """Returns the value of a hidden field, once its line of the audit is committed. Nothing keeps the value.

    Raises:
        NotFound: the saga does not exist.
        UsageError: the saga has no hidden field at this path.
        AlreadyExists: this request id has revealed it already; it is shown once.
        Unavailable: it is unknown whether the audit has the line. The value is not shown.
    """
    detail = await sagas.detail(saga)
    value = hidden_value(detail, await reader.disclosure.marks(detail.graph), wanted.path)
    try:
        await _record(sagas, saga, wanted, reader.principal, request, None)
    except AlreadyExists:
        raise AlreadyExists("it was shown to this request already, once: ask again, with a reason") from None
    return {"now": now_of(sagas), "saga": str(saga), "path": list(wanted.path), "value": value}


async def record_refusal(
    sagas: StoreSagas, saga: UUID | None, wanted: Revealing | None, principal: Principal, refusal: str
) -> None:
    """Records that a principal without the right has asked for a hidden field. `wanted`: None if the request cannot be read."""
    await _record(sagas, saga, wanted, principal, None, refusal)


async def _record(
    sagas: StoreSagas,
    saga: UUID | None,
    wanted: Revealing | None,
    principal: Principal,
    request: str | None,
    refusal: str | None,
) -> None:
    words = "reveal" if wanted is None else f"reveal {path_words(wanted.path)}"[:ACTION_CHARS_MAX]
    action = Action(
        actor=storable(principal.name),
        action=storable(words),
        step=None,
        reason=None if wanted is None else storable(wanted.reason),
        authenticated=storable(principal.how),
        address=principal.address,
        request=request or str(uuid4()),
    )
    await sagas.process.ledger.record(saga, Audit(action, {}, refusal and storable(refusal)))
