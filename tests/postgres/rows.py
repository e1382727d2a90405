"""Rows of the tables, put there by hand: states that are hard to reach from outside."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from saga.core.ids import RANDOM_BYTES, uuid7
from tests.core.graphs import chain

Tables: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@asynccontextmanager
async def transaction_of(url: str, statement: str, *arguments: object) -> AsyncIterator[None]:
    """Somebody else's transaction, which has run a statement in the namespace and stays open."""
    connection = await asyncpg.connect(url, server_settings={"search_path": "saga"})
    try:
        async with connection.transaction():
            await connection.execute(statement, *arguments)
            yield
    finally:
        await connection.close()


async def add_definition(tables: Tables, modes: str = "XXX", *, name: str = "order", version: int = 1) -> int:
    """A chain of steps a, b, c ... of the service `service`; a letter of `modes` each."""
    number: int = await tables.fetchval(
        "insert into definition (name, version, hash, document, services, activated_at)"
        " values ($1, $2, $3, $4, '{service}', now()) returning id",
        name, version, os.urandom(32), chain(modes).canonical,
    )  # fmt: skip
    for position, mode in enumerate(modes):
        await tables.execute(
            "insert into definition_step"
            " (definition, step, name, service, handler, mode, is_pivot, after, reads, call_ms)"
            " values ($1, $2, $3, 'service', $3, $4, false, '{}', '{}', 1000)",
            number, position, "abcdefghijkl"[position], mode.encode(),
        )  # fmt: skip
    return number


async def add_saga(tables: Tables, definition: int, vector: str, *, age_seconds: float = 0.0, **columns: Any) -> UUID:
    """A saga that started `age_seconds` ago. `columns` are the table's; a terminal phase also ended then."""
    saga = uuid7(round((time.time() - age_seconds) * 1000), os.urandom(RANDOM_BYTES))
    phase = columns.pop("phase", "R")
    is_over = phase in "DZX"
    values = {
        "id": saga,
        "definition": definition,
        "vector": vector,
        "phase": phase.encode(),
        "input": b"{}",
        **columns,
    }
    names = ", ".join(values)
    places = ", ".join(f"${n}" for n in range(2, len(values) + 2))
    moment = "now() - make_interval(secs => $1::float8)"
    times = f"started_at, {'ended_at' if is_over else 'wake_at'}"
    await tables.execute(
        f"insert into saga ({times}, {names}) values ({moment}, {moment}, {places})",  # noqa: S608
        age_seconds, *values.values(),
    )  # fmt: skip
    return saga


async def add_command(tables: Tables, saga: UUID, step: int, *, due_in_seconds: float = 0.0, **columns: Any) -> None:
    """A command of the service `service`; negative seconds: for this long it has been due."""
    values = {"saga": saga, "step": step, "op": b"E", "service": "service", **columns}
    places = ", ".join(f"${n}" for n in range(2, len(values) + 2))
    moment = "now() + make_interval(secs => $1::float8)"
    await tables.execute(
        f"insert into command (due_at, {', '.join(values)}) values ({moment}, {places})",  # noqa: S608
        due_in_seconds, *values.values(),
    )  # fmt: skip


async def add_event(
    tables: Tables, saga: UUID, kind: str, *, step: int | None = None, detail: str | None = None
) -> None:
    """A line of history, written now, that came with a transition."""
    await tables.execute(
        "insert into event (saga, at, version, step, kind, detail) values ($1, clock_timestamp(), 2, $2, $3, $4)",
        saga, step, kind, detail,
    )  # fmt: skip


async def add_process(tables: Tables, name: str, *services: str, silent_seconds: float = 0.0) -> int:
    """A process in the list of those that are alive; without a lock."""
    number: int = await tables.fetchval(
        "insert into participant (id, name, services, capacity, release, seen_at)"
        " values (nextval('participant_id'), $1, $2, 10, '1', now() - make_interval(secs => $3)) returning id",
        name, list(services), silent_seconds,
    )  # fmt: skip
    return number
