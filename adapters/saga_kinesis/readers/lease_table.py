"""The lease tables of `sql/migrations/*.sql`, in a schema of their own, beside the saga tables or in another database."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Final
from uuid import UUID

from saga.errors import SchemaMismatch, UsageError
from saga_kinesis.client import Shard
from saga_kinesis.options import LEASES_HINT
from saga_postgres.connection.pool import Pool, Row
from saga_postgres.schema.migrate import check, migrate, pending
from saga_postgres.schema.migration import Migration

SQL: Final[Traversable] = importlib.resources.files("saga_kinesis") / "sql"
CONNECTIONS_MAX: Final = 4
SCHEMA_SUFFIX: Final = "_kinesis"

_SYNC: Final = "select lease_sync($1, $2, $3, $4, $5, $6)"
_HEARTBEAT: Final = """
select shard, owner, term, beat, checkpoint::text, beyond, parents, finished_at
from lease_beat($1, $2, $3, $4, $5, $6, $7)"""
_READERS: Final = "select id, beat from reader where group_name = $1 and stream = $2"
_TAKE: Final = """
select shard, owner, term, beat, checkpoint::text, beyond, parents, finished_at
from lease_take($1, $2, $3, $4, $5, $6, $7)"""
_SAVE: Final = "select lease_save($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
_LEAVE: Final = "select reader_leave($1, $2, $3, $4)"
_PUT_PARCEL: Final = "select parcel_put($1, $2)"
_PARCELS: Final = "select id, body from parcel where id = any ($1)"


@dataclass(frozen=True, slots=True)
class GroupStream:
    """A stream as read by one consumer group. `incarnation` distinguishes it from an older stream of the same name."""

    group: str
    name: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class Lease:
    """A row of `lease`: the owner of a shard within a group, and its progress."""

    shard: str
    owner: UUID | None
    term: int
    heartbeat: int
    checkpoint: int | None
    beyond: tuple[int, ...]
    parents: tuple[str, ...]
    is_finished: bool


@dataclass(frozen=True, slots=True)
class CheckpointUpdate:
    """The progress of the owner of a shard. A finished or released shard has no owner afterwards."""

    shard: str
    term: int
    checkpoint: int | None
    beyond: Sequence[int]
    is_finished: bool
    is_released: bool


class LeaseTable:
    """The statements on the lease tables. Each is conditional: a reader that lost its lease changes nothing.

    All of them raise Unavailable and SchemaMismatch.
    """

    def __init__(self, url: str, namespace: str) -> None:
        self._is_missing = not url
        self.schema = namespace + SCHEMA_SUFFIX
        path = {"search_path": f"{self.schema},public"}
        url = url or "postgresql://missing/"  # never opened: `_check_url` refuses it
        self._pool = Pool(url, namespace, connections_max=CONNECTIONS_MAX, application="saga kinesis", tuning=path)

    @property
    def place(self) -> str:
        """The database, for messages: without credentials."""
        return self._pool.place

    async def check(self) -> None:
        """Raises SchemaMismatch unless the tables exist in this version."""
        self._check_url()
        async with self._pool.connection() as connection:
            with self._with_remedy():
                await check(connection, self.schema, source=SQL)

    async def migrate(self) -> list[Migration]:
        """Migrates the tables to this version. Returns the applied migrations."""
        self._check_url()
        async with self._pool.connection() as connection:
            return await migrate(connection, schema=self.schema, source=SQL)

    async def pending(self) -> list[Migration]:
        """The migrations that are not applied yet."""
        self._check_url()
        async with self._pool.connection() as connection:
            return await pending(connection, schema=self.schema, source=SQL)

    async def sync(self, stream: GroupStream, shards: Sequence[Shard]) -> list[str]:
        """Stores the list of shards. Returns those that Kinesis forgot before they were read to their end."""
        parents = [(*shard.parents, None, None)[:2] for shard in shards]
        rows = await self._fetch(
            _SYNC, stream.group, stream.name, stream.incarnation, [shard.id for shard in shards],
            [first for first, _ in parents], [second for _, second in parents],
        )  # fmt: skip
        return [row[0] for row in rows]

    async def heartbeat(self, stream: GroupStream, reader: UUID, name: str, held: dict[str, int]) -> list[Lease]:
        """Records that the reader is alive and holds these shards, each under its term. Returns all leases of the stream."""
        rows = await self._fetch(
            _HEARTBEAT, stream.group, stream.name, stream.incarnation, reader, name, list(held), list(held.values())
        )
        return [_lease(row) for row in rows]

    async def readers(self, stream: GroupStream) -> dict[UUID, int]:
        """The readers of the stream within the group, each with its heartbeat counter."""
        return {row["id"]: row["beat"] for row in await self._fetch(_READERS, stream.group, stream.name)}

    async def try_take(self, stream: GroupStream, reader: UUID, seen: Lease) -> Lease | None:
        """Makes the reader the owner, if the lease is still as seen and all parents are finished; else returns None."""
        rows = await self._fetch(
            _TAKE, stream.group, stream.name, stream.incarnation, reader, seen.shard, seen.term, seen.heartbeat
        )
        return _lease(rows[0]) if rows else None

    async def save(self, stream: GroupStream, reader: UUID, updates: Sequence[CheckpointUpdate]) -> set[str]:
        """Saves progress. Returns the shards that the reader owned."""
        rows = await self._fetch(
            _SAVE, stream.group, stream.name, stream.incarnation, reader,
            [update.shard for update in updates],
            [update.term for update in updates],
            [None if update.checkpoint is None else str(update.checkpoint) for update in updates],
            [",".join(map(str, update.beyond)) for update in updates],
            [update.is_finished for update in updates],
            [update.is_released for update in updates],
        )  # fmt: skip
        return {row[0] for row in rows}

    async def leave(self, stream: GroupStream, reader: UUID, heartbeat: int | None = None) -> None:
        """Removes a reader: the caller itself, or a reader that was found dead at this heartbeat."""
        await self._fetch(_LEAVE, stream.group, stream.name, reader, heartbeat)

    async def put_parcel(self, body: bytes, seconds: float) -> int:
        """Stores a body for this long. Returns its number."""
        rows = await self._fetch(_PUT_PARCEL, body, seconds)
        return int(rows[0][0])

    async def parcels(self, numbers: Sequence[int]) -> dict[int, bytes]:
        """Bodies by their numbers, without those that have expired."""
        return {row["id"]: row["body"] for row in await self._fetch(_PARCELS, list(numbers))}

    async def close(self) -> None:
        await self._pool.close()

    def _check_url(self) -> None:
        if self._is_missing:
            raise UsageError(LEASES_HINT)

    async def _fetch(self, statement: str, *arguments: object) -> list[Row]:
        self._check_url()
        with self._with_remedy():
            return await self._pool.fetch(statement, *arguments)

    @contextmanager
    def _with_remedy(self) -> Iterator[None]:
        try:
            yield
        except SchemaMismatch as error:
            raise SchemaMismatch(
                f"{self.place} lacks the lease tables of this version in schema {self.schema!r}: run `saga bus ensure`"
            ) from error


def _lease(row: Row) -> Lease:
    return Lease(
        shard=row["shard"],
        owner=row["owner"],
        term=row["term"],
        heartbeat=row["beat"],
        checkpoint=None if row["checkpoint"] is None else int(row["checkpoint"]),
        beyond=tuple(map(int, row["beyond"].split(","))) if row["beyond"] else (),
        parents=tuple(row["parents"]),
        is_finished=row["finished_at"] is not None,
    )
