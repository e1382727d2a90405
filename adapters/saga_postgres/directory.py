"""Definitions and contracts on Postgres."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from saga.core.definition.contract import Contract
from saga.core.definition.graph import Graph, graph_from_json
from saga.core.definition.json_value import Json
from saga.core.state.mode import Mode
from saga.errors import Conflict, DefinitionError, NotFound
from saga.ports.directory import another_graph, check_forgettable, missing_definition, unknown_service
from saga_postgres.connection.pool import Connection, Pool
from saga_postgres.statements import statements

_SQL: Final = statements("directory")
_PUBLISH: Final = _SQL["publish_contracts"]
_CONTRACTS: Final = _SQL["contracts"]

# Registrations of one name are serialised, so that each sees what the previous one stored.
_LOCK: Final = "select pg_advisory_xact_lock(hashtextextended(current_schema() || '.definition.' || $1, 0))"
_SAME_HASH: Final = "select id, name from definition where hash = $1"
_HOLDER: Final = "select id, document from definition where name = $1 and version = $2"
_RUNNING: Final = "select count(*) from saga where definition = $1 and wake_at is not null"
# An overwritten version keeps its row, under a name that no definition can have: ended sagas still refer to it.
_RENAME_OVERWRITTEN: Final = "update definition set name = name || '~' || id, activated_at = null where id = $1"
_RESTORE_NAME: Final = "update definition set name = $2 where id = $1"
_INSERT: Final = _SQL["insert_definition"]
_INSERT_STEPS: Final = _SQL["insert_steps"]
_ACTIVATE: Final = "update definition set activated_at = now() where id = $1 and activated_at is null"
_ACTIVATE_AGAIN: Final = _SQL["activate_again"]
_SET_SCHEMAS: Final = _SQL["set_schemas"]
_SET_SOURCE: Final = "update definition set source = $2 where id = $1 and source is distinct from $2"
_SOURCE: Final = "select source from definition where id = $1"
_GRAPH: Final = _SQL["find_number"]
_FIND: Final = _SQL["find_version"]
_IN_USE: Final = _SQL["in_use"]
_NEEDED: Final = _SQL["needed"]
_FORGET: Final = "delete from contract where service = $1 returning handler"
_DEACTIVATE: Final = "update definition set activated_at = null where activated_at is not null and $1 = any (services)"
_NAMES: Final = "select distinct name from definition where activated_at is not null"
_FIND_NEWEST: Final = _SQL["find_default"]


class PostgresDirectory:
    """See `saga.ports.directory.Directory`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def publish(self, contracts: Sequence[Contract]) -> None:
        columns = [list(column) for column in zip(*map(_contract_row, contracts), strict=True)]
        if columns:
            async with self._pool.connection() as connection:
                await connection.execute(_PUBLISH, *columns)

    async def contracts(self) -> dict[str, Contract]:
        rows = await self._pool.read(_CONTRACTS)
        return {contract.name: contract for contract in map(_contract, rows)}

    async def register(self, graph: Graph, input_schema: Json, *, activate: bool, overwrite: bool) -> int:
        async with self._pool.connection() as connection, connection.transaction(isolation="read_committed"):
            await connection.execute(_LOCK, graph.name)
            number = await _stored(connection, graph, input_schema, overwrite=overwrite)
            await connection.execute(_SET_SCHEMAS, number, _dumped(input_schema), _dumped(graph.event_schemas))
            if activate:
                await connection.execute(_ACTIVATE, number)
            if graph.source is not None:
                await connection.execute(_SET_SOURCE, number, graph.source)
        return number

    async def activate(self, name: str, version: int) -> int | None:
        async with self._pool.connection() as connection, connection.transaction(isolation="read_committed"):
            await connection.execute(_LOCK, name)
            before = await connection.fetchrow(_FIND_NEWEST, name)
            found = await connection.fetchrow(_FIND, name, version)
            if found is None:
                raise NotFound(f"{self._pool.place} has {missing_definition(name, version, [])}")
            await connection.execute(_ACTIVATE_AGAIN, found["id"], name)
        return None if before is None else int(before["version"])

    async def graph(self, definition: int) -> Graph:
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(_GRAPH, definition)
        if row is None:
            raise NotFound(f"{self._pool.place} has no definition number {definition}")
        return _graph(row)

    async def source(self, definition: int) -> str | None:
        async with self._pool.connection() as connection:
            found: str | None = await connection.fetchval(_SOURCE, definition)
        return found

    async def in_use(self, services: Sequence[str]) -> list[Graph]:
        found = list[Graph]()
        for row in await self._pool.read(_IN_USE, list(services)):
            with contextlib.suppress(DefinitionError):  # of a later build
                found.append(graph_from_json(row["document"]))
        return found

    async def forget(self, service: str, *, deactivate: bool) -> list[str]:
        async with self._pool.connection() as connection, connection.transaction(isolation="read_committed"):
            if not await connection.fetch(_FORGET, service):
                raise NotFound(unknown_service(service))
            needed = await connection.fetchrow(_NEEDED, service)
            definitions: list[str] = needed["definitions"] or []
            check_forgettable(
                service,
                processes=needed["processes"] or [],
                sagas=needed["sagas"],
                definitions=[] if deactivate else definitions,
            )
            await connection.execute(_DEACTIVATE, service)
        return definitions

    async def find(self, name: str, version: int | None) -> tuple[int, Graph]:
        async with self._pool.connection() as connection:
            if version is None:
                row = await connection.fetchrow(_FIND_NEWEST, name)
            else:
                row = await connection.fetchrow(_FIND, name, version)
            names = () if row is not None else [each["name"] for each in await connection.fetch(_NAMES)]
        if row is None:
            raise NotFound(
                f"{self._pool.place} has {missing_definition(name, version, names)}, or see `saga definitions`"
            )
        return row["id"], _graph(row)


async def _stored(connection: Connection, graph: Graph, input_schema: Json, *, overwrite: bool) -> int:
    """The number of this graph, which is stored under its name and version if it is new. Runs inside the caller's transaction."""
    same = await connection.fetchrow(_SAME_HASH, graph.hash)
    if same is not None and same["name"] == graph.name:
        return int(same["id"])
    holder = await connection.fetchrow(_HOLDER, graph.name, graph.version)
    if holder is not None:
        await _free_version(connection, holder, graph, overwrite=overwrite)
    if same is not None:
        await connection.execute(_RESTORE_NAME, same["id"], graph.name)
        return int(same["id"])
    return await _insert(connection, graph, input_schema)


async def _free_version(connection: Connection, holder: Mapping[str, Any], graph: Graph, *, overwrite: bool) -> None:
    name = f"definition {graph.name!r} version {graph.version}"
    if not overwrite:
        raise another_graph(graph_from_json(holder["document"]), graph)
    if running := await connection.fetchval(_RUNNING, holder["id"]):
        raise Conflict(
            f"{name} cannot be overwritten while {running} of its sagas run: wait for them, or use the next version"
        )
    await connection.execute(_RENAME_OVERWRITTEN, holder["id"])


async def _insert(connection: Connection, graph: Graph, input_schema: Json) -> int:
    schemas = _dumped(input_schema), _dumped(graph.event_schemas)
    number: int = await connection.fetchval(
        _INSERT, graph.name, graph.version, graph.hash, graph.canonical, list(graph.services), *schemas
    )
    steps = graph.steps
    await connection.execute(
        _INSERT_STEPS,
        number,
        list(range(len(steps))),
        [step.name for step in steps],
        [step.service for step in steps],
        [step.handler for step in steps],
        [step.mode.value.encode() for step in steps],
        [step.pivot for step in steps],
        [_array(step.after) for step in steps],
        [_array(carried) for carried in graph.carried],
        [step.timeout_ms for step in steps],
    )
    return number


def _array(numbers: Sequence[int]) -> str:
    """An array literal: arrays of different lengths cannot be the rows of one array."""
    return "{" + ",".join(map(str, numbers)) + "}"


def _graph(row: Mapping[str, Any]) -> Graph:
    input_schema, event_schemas = _loaded(row["input_schema"]), _loaded(row["event_schemas"])
    return replace(graph_from_json(row["document"]), input_schema=input_schema, event_schemas=event_schemas)


def _contract_row(contract: Contract) -> tuple[Any, ...]:
    return (
        contract.service, contract.handler, contract.mode.value.encode(), contract.has_compensation, contract.has_probe,
        contract.read_only, _dumped(contract.input_schema), _dumped(contract.output_schema), contract.handler_version,
    )  # fmt: skip


def _contract(row: Mapping[str, Any]) -> Contract:
    return Contract(
        service=row["service"],
        handler=row["handler"],
        mode=Mode(row["mode"].decode()),
        has_compensation=row["has_compensation"],
        has_probe=row["has_probe"],
        read_only=row["read_only"],
        input_schema=_loaded(row["input_schema"]),
        output_schema=_loaded(row["output_schema"]),
        handler_version=row["handler_version"],
    )


def _dumped(document: Json) -> str | None:
    return None if document is None else json.dumps(document)


def _loaded(text: str | None) -> Json:
    return None if text is None else json.loads(text)
