"""Definitions: their versions, what differs between two, and registering one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import Body, Query, Request, Response

from saga.api.principals import Role
from saga.api.rest.routes import Connected, Routes, answer, now_of
from saga.authoring import Definition
from saga.authoring.text.writing import stored_document
from saga.client.registration import registered
from saga.core.definition.difference import difference
from saga.core.definition.graph import graph_from_json
from saga.core.definition.json_value import Json
from saga.errors import NotFound, UsageError
from saga.inspection.documents import definition_document
from saga.inspection.drawing.flow_chart import flow_chart
from saga.inspection.references import find_definition, missing_definition

GRAPH: Final = "Instead of `text`: the `graph` of a version, as it is answered."
ACTIVATE: Final = "A start by name uses this version from now on."
OVERWRITE: Final = "Replace a version that has another graph and no live sagas."

routes: Final = Routes("definitions")


@routes.get("/definitions", summary="All definitions, the newest version of each first")
async def list_definitions(request: Request, sagas: Connected) -> Response:
    found = [definition_document(one) for one in await sagas.listing.definitions()]
    return answer(request, {"now": now_of(sagas), "definitions": found})


@routes.get("/definitions/{name}", summary="The versions of one definition")
async def get_definition(request: Request, sagas: Connected, name: str) -> Response:
    found = [definition_document(one) for one in await sagas.listing.definitions() if one.name == name]
    if not found:
        raise NotFound(await missing_definition(sagas.listing, name) or f"there is no definition {name!r}")
    return answer(request, {"now": now_of(sagas), "name": name, "versions": found})


@routes.get("/definitions/{name}/versions/{version}", summary="One version: its steps, and the schema of its input")
async def get_version(request: Request, sagas: Connected, name: str, version: int) -> Response:
    _, graph = await find_definition(sagas.adapter, name, version)
    found = {
        "name": graph.name,
        "version": graph.version,
        "hash": graph.hash.hex(),
        "graph": json.loads(graph.canonical),
        "input_schema": graph.input_schema,
        "mermaid": flow_chart(graph),
    }
    return answer(request, {"now": now_of(sagas), **found})


@routes.get("/definitions/{name}/diff", summary="What differs between two versions, and how many live sagas each has")
async def get_difference(
    request: Request,
    sagas: Connected,
    name: str,
    before: Annotated[int, Query(alias="from")],
    after: Annotated[int, Query(alias="to")],
) -> Response:
    graphs = [(await find_definition(sagas.adapter, name, version))[1] for version in (before, after)]
    live = {one.version: one.live for one in await sagas.listing.definitions() if one.name == name}
    found = {
        "name": name,
        "from": before,
        "to": after,
        "changes": list(difference(*graphs)),
        "live_sagas": {"from": live.get(before, 0), "to": live.get(after, 0)},
    }
    return answer(request, {"now": now_of(sagas), **found})


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
    definition = _definition(text, graph, input_schema)
    done = await registered(
        sagas.adapter.directory, definition, activate=activate, overwrite=overwrite, dry_run=dry_run
    )
    found = {
        "now": now_of(sagas),
        "name": done.graph.name,
        "version": done.graph.version,
        "hash": done.graph.hash.hex(),
        "number": done.number,
        "is_new": done.is_new,
        "warnings": list(done.warnings),
    }
    return answer(request, found, 201 if done.is_new and not dry_run else 200)


def _definition(text: str, graph: dict[str, Any], input_schema: Json) -> Definition:
    """The definition that a request describes. Raises DefinitionError, UsageError."""
    if bool(graph) == bool(text):
        raise UsageError("give the definition once: as text, in YAML or JSON, or as graph")
    if text:
        return Definition.from_yaml(text)
    stored = replace(graph_from_json(json.dumps(graph)), input_schema=input_schema)
    return Definition.from_yaml(json.dumps(stored_document(stored)))
