"""Definitions and contracts on Postgres."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from saga.core.definition.contract import Contract
from saga.core.definition.difference import difference
from saga.core.definition.graph import Graph, Json, graph_from_json
from saga.core.state.mode import Mode
from saga.errors import Conflict, NotFound
from saga_postgres.connection.pool import Connection, Pool

# Sorted, so that two processes of one service that start together never wait for each other in a circle; what has not
# changed is not written again.
_PUBLISH: Final = """
insert into contract as c
    (service, handler, mode, has_compensation, has_probe, read_only, input_schema, output_schema, handler_version)
select service, handler, mode, has_compensation, has_probe, read_only, input_schema::jsonb, output_schema::jsonb,
       handler_version
from unnest($1::text[], $2::text[], $3::"char"[], $4::boolean[], $5::boolean[], $6::boolean[], $7::text[], $8::text[],
            $9::text[])
    as n(service, handler, mode, has_compensation, has_probe, read_only, input_schema, output_schema, handler_version)
order by service, handler
on conflict (service, handler) do update
set mode = excluded.mode, has_compensation = excluded.has_compensation, has_probe = excluded.has_probe,
    read_only = excluded.read_only, input_schema = excluded.input_schema, output_schema = excluded.output_schema,
    handler_version = excluded.handler_version, published_at = now()
where (c.mode, c.has_compensation, c.has_probe, c.read_only, c.input_schema, c.output_schema, c.handler_version)
      is distinct from
      (excluded.mode, excluded.has_compensation, excluded.has_probe, excluded.read_only, excluded.input_schema,
       excluded.output_schema, excluded.handler_version)"""
_CONTRACTS: Final = """
select service, handler, mode, has_compensation, has_probe, read_only, input_schema::text, output_schema::text,
       handler_version
from contract"""

# Registrations of one name queue up, so that each sees what the one before it has stored.
_LOCK: Final = "select pg_advisory_xact_lock(hashtextextended(current_schema() || '.definition.' || $1, 0))"
_SAME: Final = "select id, name from definition where hash = $1"
_HOLDER: Final = "select id, document from definition where name = $1 and version = $2"
_RUNNING: Final = "select count(*) from saga where definition = $1 and wake_at is not null"
# A version that is overwritten keeps its row, under a name that no definition can have: ended sagas still point to it.
_SET_ASIDE: Final = "update definition set name = name || '~' || id, activated_at = null where id = $1"
_BRING_BACK: Final = "update definition set name = $2 where id = $1"
_INSERT: Final = """
insert into definition (name, version, hash, document, services, input_schema)
values ($1, $2, $3, $4, $5, $6::text::jsonb) returning id"""
_INSERT_STEPS: Final = """
insert into definition_step (definition, step, name, service, handler, mode, is_pivot, after, reads, call_ms)
select $1, w.step, w.name, w.service, w.handler, w.mode, w.is_pivot, w.after::smallint[], w.reads::smallint[], w.call_ms
from unnest($2::smallint[], $3::text[], $4::text[], $5::text[], $6::"char"[], $7::boolean[], $8::text[], $9::text[],
            $10::integer[])
    as w(step, name, service, handler, mode, is_pivot, after, reads, call_ms)"""
_ACTIVATE: Final = "update definition set activated_at = now() where id = $1 and activated_at is null"
_GRAPH: Final = "select document, input_schema::text from definition where id = $1"
_FIND: Final = "select id, document, input_schema::text from definition where name = $1 and version = $2"
_FIND_NEWEST: Final = """
select id, document, input_schema::text from definition where name = $1 and activated_at is not null
order by activated_at desc, version desc limit 1"""


class PostgresDirectory:
    """See `saga.ports.store.Directory`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def publish(self, contracts: Sequence[Contract]) -> None:
        columns = [list(column) for column in zip(*map(_contract_row, contracts), strict=True)]
        if columns:
            async with self._pool.connection() as connection:
                await connection.execute(_PUBLISH, *columns)

    async def contracts(self) -> dict[str, Contract]:
        rows = await self._pool.fetch(_CONTRACTS)
        return {contract.name: contract for contract in map(_contract, rows)}

    async def register(self, graph: Graph, input_schema: Json, *, activate: bool, overwrite: bool) -> int:
        async with self._pool.connection() as connection, connection.transaction(isolation="read_committed"):
            await connection.execute(_LOCK, graph.name)
            number = await _stored(connection, graph, input_schema, overwrite=overwrite)
            if activate:
                await connection.execute(_ACTIVATE, number)
        return number

    async def graph(self, definition: int) -> Graph:
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(_GRAPH, definition)
        if row is None:
            raise NotFound(f"{self._pool.place} has no definition number {definition}")
        return _graph(row)

    async def find(self, name: str, version: int | None) -> tuple[int, Graph]:
        async with self._pool.connection() as connection:
            if version is None:
                row = await connection.fetchrow(_FIND_NEWEST, name)
            else:
                row = await connection.fetchrow(_FIND, name, version)
        if row is None:
            what = (
                f"no activated version of definition {name!r}"
                if version is None
                else f"no definition {name!r} version {version}"
            )
            raise NotFound(
                f"{self._pool.place} has {what}: start a process that registers it, or see `saga definitions`"
            )
        return row["id"], _graph(row)


async def _stored(connection: Connection, graph: Graph, input_schema: Json, *, overwrite: bool) -> int:
    """The number of this graph under its name and version, whatever it takes; inside the caller's transaction."""
    same = await connection.fetchrow(_SAME, graph.hash)
    if same is not None and same["name"] == graph.name:
        return int(same["id"])
    holder = await connection.fetchrow(_HOLDER, graph.name, graph.version)
    if holder is not None:
        await _make_way(connection, holder, graph, overwrite=overwrite)
    if same is not None:
        await connection.execute(_BRING_BACK, same["id"], graph.name)
        return int(same["id"])
    return await _insert(connection, graph, input_schema)


async def _make_way(connection: Connection, holder: Mapping[str, Any], graph: Graph, *, overwrite: bool) -> None:
    name = f"definition {graph.name!r} version {graph.version}"
    if not overwrite:
        lines = "; ".join(difference(graph_from_json(holder["document"]), graph))
        raise Conflict(f"{name} is registered with another graph ({lines}): give the new one the next version")
    if running := await connection.fetchval(_RUNNING, holder["id"]):
        raise Conflict(
            f"{name} cannot be overwritten while {running} of its sagas run: wait for them, or give it the next version"
        )
    await connection.execute(_SET_ASIDE, holder["id"])


async def _insert(connection: Connection, graph: Graph, input_schema: Json) -> int:
    schema = None if input_schema is None else json.dumps(input_schema)
    number: int = await connection.fetchval(
        _INSERT, graph.name, graph.version, graph.hash, graph.canonical, list(graph.services), schema
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
        [_array(step.reads) for step in steps],
        [step.timeout_ms for step in steps],
    )
    return number


def _array(numbers: Sequence[int]) -> str:
    """An array literal: a column of arrays of different lengths cannot be one array."""
    return "{" + ",".join(map(str, numbers)) + "}"


def _graph(row: Mapping[str, Any]) -> Graph:
    return replace(graph_from_json(row["document"]), input_schema=_loaded(row["input_schema"]))


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
