"""Registers definitions: checked against the contracts that participants have published."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from saga.authoring import Definition
from saga.authoring.retry import FORMER_ATTEMPTS
from saga.core.definition.graph import Graph
from saga.errors import Conflict, NotFound
from saga.ports.directory import Directory, another_graph


@dataclass(frozen=True, slots=True)
class Registered:
    """A definition that was registered, or after a dry run one that can be.

    `number`: None after a dry run of a new one. `warnings`: the findings that do not keep it from being registered.
    """

    number: int | None
    graph: Graph
    is_new: bool
    warnings: tuple[str, ...]


async def registered(
    directory: Directory, definition: Definition, *, activate: bool, overwrite: bool, dry_run: bool
) -> Registered:
    """Registers a definition as `store_definition` does, and tells more about it. With `dry_run` nothing is stored.

    Raises:
        DefinitionError, Conflict: as `Sagas.register`; a dry run with `overwrite` does not look for live sagas.
    """
    contracts = await directory.contracts()
    graph = definition.graph(contracts)
    warnings = tuple(map(str, definition.findings(contracts)))
    known = await _known(directory, graph)
    if not dry_run:
        number, graph = await store_definition(directory, definition, activate=activate, overwrite=overwrite)
        return Registered(number, graph, known is None or known[1].hash != graph.hash, warnings)
    if known is None:
        return Registered(None, graph, True, warnings)  # noqa: FBT003
    if known[1].hash in (graph.hash, definition.graph(contracts, FORMER_ATTEMPTS).hash):
        return Registered(*known, False, warnings)  # noqa: FBT003
    if not overwrite:
        raise another_graph(known[1], graph)
    return Registered(None, graph, True, warnings)  # noqa: FBT003


async def _known(directory: Directory, graph: Graph) -> tuple[int, Graph] | None:
    """The definition that has this name and version."""
    with contextlib.suppress(NotFound):
        return await directory.find(graph.name, graph.version)
    return None


async def store_definition(
    directory: Directory, definition: Definition, *, activate: bool, overwrite: bool
) -> tuple[int, Graph]:
    """Checks a definition against the published contracts and stores it. Returns its number and graph. Raises as `Sagas.register`."""
    contracts = await directory.contracts()
    graph = definition.graph(contracts)
    try:
        return await directory.register(graph, graph.input_schema, activate=activate, overwrite=overwrite), graph
    except Conflict:
        graph = definition.graph(contracts, FORMER_ATTEMPTS)
        with contextlib.suppress(Conflict):
            return await directory.register(graph, graph.input_schema, activate=activate, overwrite=False), graph
        raise
