"""Definitions: their versions, what differs between two, and registering one."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Body, Query, Request, Response

from saga.api.calls import definitions as calls
from saga.api.principals import Role
from saga.api.rest.routes import Connected, Routes, answer

GRAPH: Final = "Instead of `text`: the `graph` of a version, as it is answered."
ACTIVATE: Final = "A start by name uses this version from now on."
OVERWRITE: Final = "Replace a version that has another graph and no live sagas."

routes: Final = Routes("definitions")


@routes.get("/definitions", summary="All definitions, the newest version of each first")
async def list_definitions(request: Request, sagas: Connected) -> Response:
    return answer(request, await calls.definitions(sagas))


@routes.get("/definitions/{name}", summary="The versions of one definition")
async def get_definition(request: Request, sagas: Connected, name: str) -> Response:
    return answer(request, await calls.versions(sagas, name))


@routes.get("/definitions/{name}/versions/{version}", summary="One version: its steps, and the schema of its input")
async def get_version(request: Request, sagas: Connected, name: str, version: int) -> Response:
    return answer(request, await calls.version(sagas, name, version))


@routes.get("/definitions/{name}/diff", summary="The difference of two versions, and its effect on sagas in flight")
async def get_difference(
    request: Request,
    sagas: Connected,
    name: str,
    before: Annotated[int, Query(alias="from")],
    after: Annotated[int, Query(alias="to")],
) -> Response:
    return answer(request, await calls.difference_between(sagas, name, before, after))


@routes.post(
    "/definitions/{name}/versions/{version}/activate",
    Role.ADMIN,
    summary="Activate a version: a start by name uses it from now on, also an older one again",
)
async def activate_definition(request: Request, sagas: Connected, name: str, version: int) -> Response:
    return answer(request, await calls.activate(sagas, name, version))


@routes.post(
    "/definitions", Role.ADMIN, summary="Register a definition: 201 new, 200 known with the same hash", status=201
)
async def register_definition(  # noqa: PLR0913, PLR0917 (what a request has)
    request: Request,
    sagas: Connected,
    graph: Annotated[dict[str, Any], Body(embed=True, description=GRAPH, default_factory=dict)],
    text: Annotated[str, Body(embed=True, description="The definition as YAML or JSON.")] = "",
    input_schema: Annotated[dict[str, Any] | bool | None, Body(embed=True, description="Only with `graph`.")] = None,
    activate: Annotated[bool, Body(embed=True, description=ACTIVATE)] = True,  # noqa: FBT002 (a member of a JSON object)
    overwrite: Annotated[bool, Body(embed=True, description=OVERWRITE)] = False,  # noqa: FBT002
    dry_run: Annotated[bool, Query(description="Only check it.")] = False,  # noqa: FBT002
) -> Response:
    """A definition that is not acceptable is 422: `findings` names every reason, for a text with its line and column. 409: the
    version has another graph; the difference is named.
    """
    definition = calls.definition_of(text, graph, input_schema)
    found = await calls.register(sagas, definition, activate=activate, overwrite=overwrite, dry_run=dry_run)
    return answer(request, found, 201 if found["is_new"] and not dry_run else 200)
