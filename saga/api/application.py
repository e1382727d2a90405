"""The application: its layers, routes and problems."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse

from saga.api.answers.schemas import add_answers
from saga.api.disclosure import Disclosure
from saga.api.guard import Guard
from saga.api.limits import Limits
from saga.api.live.watcher import Watcher
from saga.api.principals import Authenticate
from saga.api.problems import KINDS, NOT_FOUND, Problem, Unbroken, add_handlers
from saga.api.rest import (
    acting,
    definitions,
    events,
    installation,
    parts,
    reading,
    revealing,
    sending,
    starting,
    tokens,
)
from saga.api.rest.routes import PROBLEM_SCHEMA
from saga.api.tokens import TokenAuthentication
from saga.api.ui.site import site
from saga.client import StoreSagas

TITLE: Final = "Saga"
API_VERSION: Final = "1"
"""The version of the API, which is in its paths. It only grows; the version of the build is in `GET /v1/me`."""


def build(sagas: StoreSagas, authenticate: Authenticate | None = None) -> FastAPI:
    """The API of an installation. `authenticate`: see `saga.api.asgi`."""
    app = build_routes()
    app.state.sagas = sagas
    app.state.watcher = Watcher(sagas)
    app.state.disclosure = Disclosure(sagas.adapter.directory, sagas.process.clock)
    app.state.limits = Limits(sagas.process.clock.monotonic)
    app.state.authenticate = authenticate or TokenAuthentication(
        sagas.adapter, sagas.process.clock, sagas.process.store_clock, app.state.limits
    )
    app.include_router(site())
    add_handlers(app)
    app.add_middleware(Guard)
    app.add_middleware(Unbroken)
    app.openapi = lambda: described(app)  # type: ignore[method-assign]
    return app


def build_routes() -> FastAPI:
    """The routes of the API, without an installation: enough for its description."""
    app = FastAPI(title=TITLE, version=API_VERSION, docs_url=None, redoc_url=None, separate_input_output_schemas=False)
    for room in (reading, parts, starting, sending, acting, revealing, events, definitions, installation, tokens):
        app.include_router(room.routes.router)
    app.add_api_route("/problems/{name}", _problem, include_in_schema=False)
    return app


async def _problem(name: str) -> JSONResponse:
    """A kind of problem, to which the `type` of a problem leads."""
    kind = KINDS.get(name)
    if kind is None:
        raise Problem(NOT_FOUND, f"no kind of problem is named {name!r}: the kinds are {', '.join(KINDS)}")
    return JSONResponse({"type": f"/problems/{kind.name}", "title": kind.title, "status": kind.status})


def described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document. Every error is a problem, also where FastAPI has a form of its own."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes)
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        schemas["Problem"] = PROBLEM_SCHEMA
        for operations in document["paths"].values():
            for operation in operations.values():
                operation["responses"].pop("422", None)
        add_answers(document)
        app.openapi_schema = document
    return app.openapi_schema
