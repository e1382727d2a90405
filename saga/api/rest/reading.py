"""Reading sagas: lists, and one saga with its parts."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Query, Request, Response

from saga.api.calls.answers import now_of
from saga.api.calls.reading import PAGE, PAGE_MAX, PARTS, USUAL_PARTS, shown
from saga.api.disclosure import reader_of
from saga.api.principals import Role
from saga.api.rest.routes import Connected, Routes, SagaId, answer
from saga.errors import UsageError
from saga.inspection.documents import page_document
from saga.inspection.references import find_saga

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
    with_: Annotated[str, Query(alias="with", description="Parts, separated by commas.")] = ",".join(USUAL_PARTS),
) -> Response:
    parts = parts_of(with_, PARTS)
    return answer(request, await shown(await sagas.detail(saga), parts, reader_of(request)))


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


def parts_of(text: str, known: frozenset[str]) -> set[str]:
    """The parts that a request names. Raises UsageError."""
    named = {part.strip() for part in text.split(",") if part.strip()}
    if unknown := sorted(named - known):
        raise UsageError(f"there is no part {unknown[0]!r}: the parts are {', '.join(sorted(known))}")
    return named
