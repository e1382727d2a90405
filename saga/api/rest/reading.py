"""Reading sagas: lists, and one saga with its parts."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Query, Request, Response

from saga.api.disclosure import shown_to
from saga.api.principals import ROLES, Principal, Role, principal_of
from saga.api.rest.routes import Connected, Document, Routes, SagaId, answer, now_of
from saga.errors import UsageError
from saga.inspection.actions.allowed import allowed
from saga.inspection.documents import ALL_PARTS, page_document, saga_document
from saga.inspection.instants import Instant
from saga.inspection.references import find_saga
from saga.inspection.summaries.effects import effects_document
from saga.ports.saga_detail import SagaDetail

PAGE: Final = 50
PARTS: Final = ALL_PARTS | {"effects", "allowed"}
PAGE_MAX: Final = 500
"""Maximum number of sagas in a page."""

routes: Final = Routes("sagas")
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX, description="Maximum number of entries in the answer.")]


@routes.get("/sagas", summary="List sagas, newest first")
async def list_sagas(
    request: Request,
    sagas: Connected,
    q: Annotated[str, Query(description="A query, such as `definition:order is:stuck`.")] = "",
    cursor: Annotated[str | None, Query(description="Where the page begins: `next` of the page before.")] = None,
    limit: Limit = PAGE,
) -> Response:
    return answer(request, page_document(await sagas.search(q, limit=limit, cursor=cursor)))


@routes.get("/sagas/{ref}", summary="Show one saga at one moment")
async def get_saga(
    request: Request,
    sagas: Connected,
    saga: SagaId,
    with_: Annotated[str, Query(alias="with", description="Parts, separated by commas.")] = "input,result,why,steps",
) -> Response:
    parts = parts_of(with_, PARTS)
    detail = await sagas.detail(saga)
    found = {"now": Instant(detail.now), **saga_document(detail, parts, shown=await shown_to(request, detail))}
    if "effects" in parts:
        found["effects"] = effects_document(detail)
    if "allowed" in parts:
        found["allowed"] = _allowed(detail, principal_of(request))
    return answer(request, found)


@routes.get(
    "/definitions/{name}/saga", Role.VIEWER, Role.STARTER, summary="The id of the saga that was started with a key"
)
async def find_saga_by_key(
    request: Request,
    sagas: Connected,
    name: str,
    key: Annotated[str, Query(description="The start key, which may have any characters.")],
) -> Response:
    return answer(request, {"now": now_of(sagas), "saga": str(await find_saga(sagas.adapter, f"{name}:{key}"))})


def _allowed(detail: SagaDetail, principal: Principal) -> list[Document]:
    """The actions that the state of the saga and the role allow, and why not the others."""
    return [_with_role(one, principal) for one in allowed(detail)]


def _with_role(action: Document, principal: Principal) -> Document:
    needed = ROLES[action["action"]]
    if principal.role.may(needed):
        return action
    return action | {"ok": False, "why_not": f"this needs the role {needed.value}"}


def parts_of(text: str, known: frozenset[str]) -> set[str]:
    """The parts that a request names. Raises UsageError."""
    named = {part.strip() for part in text.split(",") if part.strip()}
    if unknown := sorted(named - known):
        raise UsageError(f"there is no part {unknown[0]!r}: the parts are {', '.join(sorted(known))}")
    return named
