"""Definitions: their versions, what differs between two, and registering one as JSON."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

from fastapi import Body, Query, Request, Response

from saga.api.principals import Role
from saga.api.rest.routes import Connected, Routes, answer, now_of
from saga.core.check.deployment import deployment_gaps
from saga.core.definition.difference import difference
from saga.core.definition.graph import graph_from_json
from saga.errors import DefinitionError, NotFound
from saga.inspection.documents import definition_document
from saga.inspection.drawing.flow_chart import flow_chart
from saga.inspection.references import find_definition, missing_definition

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
async def register_definition(
    request: Request,
    sagas: Connected,
    graph: Annotated[dict[str, Any], Body(embed=True, description="The `graph` of a version, as it is answered.")],
    input_schema: Annotated[dict[str, Any] | bool | None, Body(embed=True)] = None,
    activate: Annotated[bool, Body(embed=True)] = True,  # noqa: FBT002 (a member of a JSON object)
    dry_run: bool = False,  # noqa: FBT001, FBT002
) -> Response:
    wanted = graph_from_json(json.dumps(graph))
    directory = sagas.adapter.directory
    gaps = tuple(deployment_gaps([wanted], wanted.services, await directory.contracts(), "the published contracts"))
    if gaps:
        raise DefinitionError(
            f"{wanted.name} v{wanted.version} does not fit the published contracts: {'; '.join(gaps)}", gaps
        )
    is_known = any(one.hash == wanted.hash for one in await sagas.listing.definitions())
    if not dry_run:
        await directory.register(wanted, input_schema, activate=activate, overwrite=False)
    found = {"name": wanted.name, "version": wanted.version, "hash": wanted.hash.hex(), "is_new": not is_known}
    return answer(request, {"now": now_of(sagas), **found}, 200 if is_known or dry_run else 201)
