"""Definitions and contracts in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

from saga.core.definition.contract import Contract
from saga.core.definition.graph import Graph, graph_from_document
from saga.core.definition.json_value import Json
from saga.errors import Conflict, NotFound
from saga.memory.data.database import Database, DefinitionRow, SagaRow
from saga.ports.directory import another_graph, check_forgettable, missing_definition, unknown_service


class MemoryDirectory:
    """See `saga.ports.directory.Directory`. A definition is built from its canonical JSON, as it would be from a table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def publish(self, contracts: Sequence[Contract]) -> None:
        self._database.contracts.update({contract.name: contract for contract in contracts})

    async def contracts(self) -> dict[str, Contract]:
        return dict(self._database.contracts)

    async def register(self, graph: Graph, input_schema: Json, *, activate: bool, overwrite: bool) -> int:
        rows = self._database.definitions
        holder = self._named(graph.name, graph.version)
        if holder is not None and holder.graph.hash != graph.hash:
            self._free_version(holder, graph, overwrite=overwrite)
        same = next((row for row in rows.values() if row.graph.hash == graph.hash), None)
        if same is None:
            same = DefinitionRow(len(rows) + 1, graph_from_document(json.loads(graph.canonical)))
        same = replace(same, graph=_described(same.graph, input_schema, graph.event_schemas))
        activation = self._next_activation() if activate and same.activation is None else same.activation
        source = same.source if graph.source is None else graph.source
        rows[same.number] = replace(same, is_overwritten=False, activation=activation, source=source)
        return same.number

    async def activate(self, name: str, version: int) -> int | None:
        row, before = self._named(name, version), self._default(name)
        if row is None:
            raise NotFound(f"there is {missing_definition(name, version, [])}")
        self._database.definitions[row.number] = replace(row, activation=self._next_activation())
        return None if before is None else before.graph.version

    async def graph(self, definition: int) -> Graph:
        if definition not in self._database.definitions:
            raise NotFound(f"there is no definition number {definition}")
        return self._database.definitions[definition].graph

    async def source(self, definition: int) -> str | None:
        row = self._database.definitions.get(definition)
        return None if row is None else row.source

    async def find(self, name: str, version: int | None) -> tuple[int, Graph]:
        row = self._default(name) if version is None else self._named(name, version)
        if row is None:
            names = [each.graph.name for each in self._database.definitions.values() if each.activation]
            raise NotFound(f"there is {missing_definition(name, version, names)}")
        return row.number, row.graph

    async def in_use(self, services: Sequence[str]) -> list[Graph]:
        rows = self._database.definitions
        used = {saga.definition for saga in self._unfinished()}
        for name in {row.graph.name for row in rows.values()}:
            if (default := self._default(name)) is not None:
                used.add(default.number)
        return [row.graph for row in rows.values() if row.number in used and _uses(row, services)]

    async def forget(self, service: str, *, deactivate: bool) -> list[str]:
        database, rows = self._database, self._database.definitions
        names = [name for name, contract in database.contracts.items() if contract.service == service]
        if not names:
            raise NotFound(unknown_service(service))
        active = [row for row in rows.values() if row.activation is not None and _uses(row, [service])]
        titles = [f"{row.graph.name} v{row.graph.version}" for row in active]
        check_forgettable(
            service,
            processes=[member.name for member in database.members.values() if service in member.services],
            sagas=sum(_uses(rows[saga.definition], [service]) for saga in self._unfinished()),
            definitions=[] if deactivate else titles,
        )
        for name in names:
            del database.contracts[name]
        for row in active:
            rows[row.number] = replace(row, activation=None)
        return titles

    def _unfinished(self) -> Iterator[SagaRow]:
        return (saga for saga in self._database.sagas.values() if not saga.state.phase.is_terminal)

    def _next_activation(self) -> int:
        return 1 + max((row.activation or 0 for row in self._database.definitions.values()), default=0)

    def _default(self, name: str) -> DefinitionRow | None:
        """The version that a start by name gets."""
        rows = self._database.definitions.values()
        active = [row for row in rows if row.graph.name == name and row.activation and not row.is_overwritten]
        return max(active, key=lambda row: row.activation or 0, default=None)

    def _named(self, name: str, version: int) -> DefinitionRow | None:
        for row in self._database.definitions.values():
            if (row.graph.name, row.graph.version) == (name, version) and not row.is_overwritten:
                return row
        return None

    def _free_version(self, holder: DefinitionRow, graph: Graph, *, overwrite: bool) -> None:
        """An overwritten version stays under its number: its ended sagas still refer to it."""
        name = f"definition {graph.name!r} version {graph.version}"
        if not overwrite:
            raise another_graph(holder.graph, graph)
        sagas = [saga for saga in self._database.sagas.values() if saga.definition == holder.number]
        running = sum(not saga.state.phase.is_terminal for saga in sagas)
        if running:
            raise Conflict(f"{name} cannot be overwritten while {running} of its sagas run: use the next version")
        self._database.definitions[holder.number] = replace(holder, is_overwritten=True, activation=None)


def _uses(row: DefinitionRow, services: Sequence[str]) -> bool:
    return not set(services).isdisjoint(row.graph.services)


def _described(graph: Graph, input_schema: Json, event_schemas: Json) -> Graph:
    """The graph with these schemas, where there are any: they are not part of its identity."""
    given = {"input_schema": input_schema, "event_schemas": event_schemas}
    return replace(graph, **{name: schema for name, schema in given.items() if schema is not None})
