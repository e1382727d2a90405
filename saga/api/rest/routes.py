"""Declares routes: each with the role that it needs, which `openapi.json` shows as `x-saga-role`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final, TypeVar, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response

from saga.api.calls.answers import Document
from saga.api.principals import Role, requires
from saga.api.problems import KINDS
from saga.client import StoreSagas
from saga.core.definition.json_value import Json
from saga.inspection.instants import with_texts
from saga.inspection.references import find_saga

Route = TypeVar("Route", bound=Callable[..., Any])
Check = Callable[[Request], Awaitable[None]]

PROBLEM_SCHEMA: Final[dict[str, Json]] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "enum": [f"/problems/{name}" for name in KINDS]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "findings": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Every reason, where there are several.",
        },
        "plan": {"$ref": "#/components/schemas/Plan"},
        "needs": {"type": "string", "description": "The role that is missing."},
        "retry_after": {"type": "integer", "description": "Seconds, as in Retry-After."},
    },
}
_PROBLEM: Final = {
    "description": "A problem (RFC 9457)",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


class Routes:
    """A router whose routes all name a role."""

    def __init__(self, tag: str) -> None:
        self.router: APIRouter = APIRouter(prefix="/v1", tags=[tag])

    def get(self, path: str, *roles: Role, summary: str) -> Callable[[Route], Route]:
        return self._add("GET", path, roles or (Role.VIEWER,), summary, 200)

    def post(
        self, path: str, role: Role, *, summary: str, status: int = 200, check: Check | None = None
    ) -> Callable[[Route], Route]:
        """`check`: makes sure of the role in a way of its own."""
        return self._add("POST", path, (role,), summary, status, check)

    def delete(self, path: str, role: Role, *, summary: str) -> Callable[[Route], Route]:
        return self._add("DELETE", path, (role,), summary, 200)

    def _add(
        self,
        method: str,
        path: str,
        roles: tuple[Role, ...],
        summary: str,
        status: int,
        check: Check | None = None,
    ) -> Callable[[Route], Route]:
        shown = {"x-saga-role": roles[0].value} | (
            {"x-saga-also": [role.value for role in roles[1:]]} if roles[1:] else {}
        )

        def add(route: Route) -> Route:
            self.router.add_api_route(
                path,
                route,
                methods=[method],
                status_code=status,
                summary=summary,
                response_class=Response,
                dependencies=[Depends(check or requires(*roles))],
                openapi_extra=shown,
                responses={"default": cast("dict[str, Any]", _PROBLEM)},
                operation_id=route.__name__,
            )
            return route

        return add


def sagas_of(request: Request) -> StoreSagas:
    return cast("StoreSagas", request.app.state.sagas)


async def connected(request: Request) -> StoreSagas:
    """The installation. A coroutine: FastAPI runs an ordinary function in a thread, and waits for it, with each request."""
    return sagas_of(request)


Connected = Annotated[StoreSagas, Depends(connected)]
Reference = Annotated[str, Path(description="The id of the saga, or DEFINITION:KEY.")]


async def referred(sagas: Connected, ref: Reference) -> UUID:
    """The saga that a path names."""
    return await find_saga(sagas.adapter, ref)


SagaId = Annotated[UUID, Depends(referred)]


def answer(
    request: Request, document: Document, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """The document as JSON. A GET gets an ETag, and 304 if the client has the same; `now` does not count for that."""
    body = json.dumps(with_texts(document), ensure_ascii=False).encode()
    found = dict(headers or {})
    if request.method == "GET" and status == 200:  # noqa: PLR2004
        steady = json.dumps({name: value for name, value in document.items() if name != "now"})
        found["ETag"] = f'"{hashlib.sha256(steady.encode()).hexdigest()[:32]}"'
        if request.headers.get("if-none-match") == found["ETag"]:
            return Response(status_code=304, headers=found)
    return Response(body, status, found, "application/json")
