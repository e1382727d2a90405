"""Definitions: their versions, what differs between two, and registering one."""

from __future__ import annotations

import json
from dataclasses import replace

from saga.api.calls.answers import Document, now_of
from saga.authoring import Definition
from saga.authoring.text.writing import stored_document
from saga.client import StoreSagas
from saga.client.registration import registered
from saga.core.definition.graph import graph_from_json
from saga.core.definition.json_value import Json
from saga.errors import NotFound, UsageError
from saga.inspection.documents import definition_document
from saga.inspection.drawing.flow_chart import flow_chart
from saga.inspection.references import find_definition, missing_definition
from saga.inspection.summaries.version_change import change_document


async def definitions(sagas: StoreSagas) -> Document:
    """All definitions, the newest version of each first."""
    found = [definition_document(one) for one in await sagas.listing.definitions()]
    return {"now": now_of(sagas), "definitions": found}


async def versions(sagas: StoreSagas, name: str) -> Document:
    """The versions of one definition. Raises NotFound."""
    found = [definition_document(one) for one in await sagas.listing.definitions() if one.name == name]
    if not found:
        raise NotFound(await missing_definition(sagas.listing, name) or f"there is no definition {name!r}")
    return {"now": now_of(sagas), "name": name, "versions": found}


async def version(sagas: StoreSagas, name: str, number: int) -> Document:
    """One version: its steps, and the schema of its input. Raises NotFound."""
    _, graph = await find_definition(sagas.adapter, name, number)
    return {
        "now": now_of(sagas),
        "name": graph.name,
        "version": graph.version,
        "hash": graph.hash.hex(),
        "graph": json.loads(graph.canonical),
        "input_schema": graph.input_schema,
        "mermaid": flow_chart(graph),
    }


async def difference_between(sagas: StoreSagas, name: str, before: int, after: int) -> Document:
    """The difference of two versions, and its effect on sagas in flight. Raises NotFound."""
    (_, old), (_, new) = [await find_definition(sagas.adapter, name, number) for number in (before, after)]
    known = [one for one in await sagas.listing.definitions() if one.name == name]
    return {"now": now_of(sagas), **change_document(old, new, known)}


async def activate(sagas: StoreSagas, name: str, number: int) -> Document:
    """Makes a start by name use this version from now on, also if it was used before. Raises NotFound."""
    await find_definition(sagas.adapter, name, number)  # it names the nearest definition
    before = await sagas.adapter.directory.activate(name, number)
    return {"now": now_of(sagas), "name": name, "version": number, "before": before}


async def register(
    sagas: StoreSagas, definition: Definition, *, activate: bool, overwrite: bool, dry_run: bool
) -> Document:
    """Stores a definition that fits the published contracts; with `dry_run` it only checks. Raises DefinitionError, Conflict."""
    done = await registered(
        sagas.adapter.directory, definition, activate=activate, overwrite=overwrite, dry_run=dry_run
    )
    return {
        "now": now_of(sagas),
        "name": done.graph.name,
        "version": done.graph.version,
        "hash": done.graph.hash.hex(),
        "number": done.number,
        "is_new": done.is_new,
        "warnings": list(done.warnings),
    }


def definition_of(text: str, graph: Document, input_schema: Json) -> Definition:
    """The definition that a request describes. Raises DefinitionError, UsageError."""
    if bool(graph) == bool(text):
        raise UsageError("give the definition once: as text, in YAML or JSON, or as graph")
    if text:
        return Definition.from_yaml(text)
    stored = replace(graph_from_json(json.dumps(graph)), input_schema=input_schema)
    return Definition.from_yaml(json.dumps(stored_document(stored)))
