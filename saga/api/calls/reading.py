"""Reading sagas: one saga with its parts, its history, its end."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final
from uuid import UUID

from saga.api.calls.answers import Document, now_of
from saga.api.disclosure import Reader
from saga.api.principals import ROLES, Principal
from saga.client import StoreSagas, ending_document
from saga.errors import UsageError
from saga.inspection.actions.allowed import allowed
from saga.inspection.documents import ALL_PARTS, history_document, saga_document
from saga.inspection.instants import Instant
from saga.inspection.query.history_cursor import cursor_of, place_in
from saga.inspection.summaries.effects import effects_document
from saga.ports.saga_detail import HISTORY_LINES_MAX, SagaDetail, place_of

PAGE: Final = 50
PAGE_MAX: Final = 500
"""Maximum number of sagas in a page."""
PARTS: Final = ALL_PARTS | {"effects", "allowed"}
USUAL_PARTS: Final = ("input", "result", "why", "steps")
WAIT_SECONDS_MAX: Final = 60.0
"""Maximum of `wait`; a client asks again after that."""
READ_SECONDS: Final = 5.0
"""Time for reading the end of a saga that has ended."""


async def shown(detail: SagaDetail, parts: Collection[str], reader: Reader) -> Document:
    """A saga at one moment, as this reader sees it. Raises Unavailable."""
    found: Document = {"now": Instant(detail.now), **saga_document(detail, parts, shown=await reader.shown(detail))}
    if "effects" in parts:
        found["effects"] = effects_document(detail)
    if "allowed" in parts:
        found["allowed"] = [_with_role(one, reader.principal) for one in allowed(detail)]
    return found


def _with_role(action: Document, principal: Principal) -> Document:
    """An action that the state of the saga allows or not, and the role of the principal."""
    needed = ROLES[action["action"]]
    if principal.role.may(needed):
        return action
    return action | {"ok": False, "why_not": f"this needs the role {needed.value}"}


async def history_page(sagas: StoreSagas, saga: UUID, cursor: str | None, limit: int) -> Document:
    """The lines behind a cursor, oldest first. Raises NotFound, UsageError."""
    detail, behind = await sagas.detail(saga), place_in(cursor)
    if len(detail.history) >= HISTORY_LINES_MAX:  # a detail has only the beginning of such a long history
        detail = replace(detail, history=tuple(await sagas.listing.history(saga, behind, limit + 1)))
    documents = zip(detail.history, history_document(detail), strict=True)
    shown = [(line, document) for line, document in documents if behind is None or place_of(line) > behind]
    end = cursor_of(place_of(shown[limit - 1][0])) if len(shown) > limit else None
    history = [document for _, document in shown[:limit]]
    return {"now": Instant(detail.now), "saga": str(saga), "history": history, "next": end}


async def result_of(sagas: StoreSagas, saga: UUID, seconds: float, reader: Reader) -> Document:
    """Waits for the end of a saga; after that many seconds `status` is None: it goes on. Raises NotFound, UsageError, Unavailable."""
    if seconds > WAIT_SECONDS_MAX:
        raise UsageError(f"wait={seconds:g}s: at most {WAIT_SECONDS_MAX:.0f}s; ask again after that")
    snapshot = await sagas.snapshot(saga)  # NotFound, if there is none
    try:
        is_over = snapshot.state.phase.is_terminal
        ending = await sagas.handle(saga).result(max(seconds, READ_SECONDS) if is_over else seconds)
    except TimeoutError:
        return {"now": now_of(sagas), "saga": str(saga), "status": None}
    graph = await sagas.process.definitions.graph(snapshot.definition)
    ending = replace(ending, value=await reader.value(graph, ending.value))
    return {"now": now_of(sagas), "saga": str(saga), **ending_document(ending)}
