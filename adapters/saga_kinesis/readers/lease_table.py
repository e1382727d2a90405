"""The lease tables: `sql/migrations/*.sql`, in a schema of their own beside the saga tables or in another database."""

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
_BEAT: Final = "select shard, owner, term, beat, checkpoint::text, beyond, parents, finished_at from lease_beat($1, $2, $3, $4, $5, $6, $7)"
_READERS: Final = "select id, beat from reader where group_name = $1 and stream = $2"
_TAKE: Final = "select shard, owner, term, beat, checkpoint::text, beyond, parents, finished_at from lease_take($1, $2, $3, $4, $5, $6, $7)"
_SAVE: Final = "select lease_save($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
_LEAVE: Final = "select reader_leave($1, $2, $3, $4)"
_PUT_PARCEL: Final = "select parcel_put($1, $2)"
_PARCELS: Final = "select id, body from parcel where id = any ($1)"


@dataclass(frozen=True, slots=True)
class Place:
    """A stream as a consumer group sees it; `incarnation` tells a stream from an older one of its name."""

    group: str
    stream: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class Lease:
    """A row of `lease`: who reads a shard for a group, and how far it is."""

    shard: str
    owner: UUID | None
    term: int
    beat: int
    checkpoint: int | None
    beyond: tuple[int, ...]
    parents: tuple[str, ...]
    is_finished: bool


@dataclass(frozen=True, slots=True)
class Saving:
    """How far the owner is with a shard. A shard that is finished or released has no owner afterwards."""

    shard: str
    term: int
    checkpoint: int | None
    beyond: Sequence[int]
    is_finished: bool
    is_released: bool


class LeaseTable:
    """Every statement is conditional: who lost a lease changes nothing. All of them raise Unavailable, SchemaMismatch."""

    def __init__(self, url: str, namespace: str) -> None:
        self._is_nowhere = not url
        self.schema = namespace + SCHEMA_SUFFIX
        path = {"search_path": f"{self.schema},public"}
        self._pool = Pool(url, namespace, connections_max=CONNECTIONS_MAX, application="saga kinesis", tuning=path)

    @property
    def place(self) -> str:
        """The database, for people: no password."""
        return self._pool.place

    async def check(self) -> None:
        """Make sure that the tables are there and of this build."""
        await self._open()
        async with self._pool.connection() as connection:
            with self._remedied():
                await check(connection, self.schema, source=SQL)

    async def migrate(self) -> list[Migration]:
        """Bring the tables to this version; returns what was applied."""
        await self._open()
        async with self._pool.connection() as connection:
            return await migrate(connection, schema=self.schema, source=SQL)

    async def pending(self) -> list[Migration]:
        """What `migrate` would apply."""
        await self._open()
        async with self._pool.connection() as connection:
            return await pending(connection, schema=self.schema, source=SQL)

    async def sync(self, place: Place, shards: Sequence[Shard]) -> list[str]:
        """Take over the list of shards; returns those that Kinesis forgot before they were read to their end."""
        parents = [(*shard.parents, None, None)[:2] for shard in shards]
        rows = await self._fetch(
            _SYNC, place.group, place.stream, place.incarnation, [shard.id for shard in shards],
            [first for first, _ in parents], [second for _, second in parents],
        )  # fmt: skip
        return [row[0] for row in rows]

    async def beat(self, place: Place, reader: UUID, name: str, held: dict[str, int]) -> list[Lease]:
        """Say that the reader lives and still holds these shards, each under its term; returns all leases."""
        rows = await self._fetch(
            _BEAT, place.group, place.stream, place.incarnation, reader, name, list(held), list(held.values())
        )
        return [_lease(row) for row in rows]

    async def readers(self, place: Place) -> dict[UUID, int]:
        """The readers of the stream within the group, each with its last sign of life."""
        return {row["id"]: row["beat"] for row in await self._fetch(_READERS, place.group, place.stream)}

    async def take(self, place: Place, reader: UUID, seen: Lease) -> Lease | None:
        """Become the owner, if nothing has changed since the lease was seen and all parents are finished."""
        rows = await self._fetch(
            _TAKE, place.group, place.stream, place.incarnation, reader, seen.shard, seen.term, seen.beat
        )
        return _lease(rows[0]) if rows else None

    async def save(self, place: Place, reader: UUID, savings: Sequence[Saving]) -> set[str]:
        """Write how far the reader is; returns the shards that were its own."""
        rows = await self._fetch(
            _SAVE, place.group, place.stream, place.incarnation, reader,
            [saving.shard for saving in savings],
            [saving.term for saving in savings],
            [None if saving.checkpoint is None else str(saving.checkpoint) for saving in savings],
            [",".join(map(str, saving.beyond)) for saving in savings],
            [saving.is_finished for saving in savings],
            [saving.is_released for saving in savings],
        )  # fmt: skip
        return {row[0] for row in rows}

    async def leave(self, place: Place, reader: UUID, beat: int | None = None) -> None:
        """Forget a reader: ourselves, or one that was found dead at this beat."""
        await self._fetch(_LEAVE, place.group, place.stream, reader, beat)

    async def put_parcel(self, body: bytes, seconds: float) -> int:
        """Keep a body; returns its number."""
        rows = await self._fetch(_PUT_PARCEL, body, seconds)
        return int(rows[0][0])

    async def parcels(self, numbers: Sequence[int]) -> dict[int, bytes]:
        """Bodies by their numbers; those that are gone are left out."""
        return {row["id"]: row["body"] for row in await self._fetch(_PARCELS, list(numbers))}

    async def close(self) -> None:
        await self._pool.close()

    async def _open(self) -> None:
        if self._is_nowhere:
            raise UsageError(LEASES_HINT)
        await self._pool.open()

    async def _fetch(self, statement: str, *arguments: object) -> list[Row]:
        await self._open()
        with self._remedied():
            return await self._pool.fetch(statement, *arguments)

    @contextmanager
    def _remedied(self) -> Iterator[None]:
        try:
            yield
        except SchemaMismatch as error:
            raise SchemaMismatch(
                f"{self.place} has not the lease tables of this build in schema {self.schema!r}: run `saga bus ensure`"
            ) from error


def _lease(row: Row) -> Lease:
    return Lease(
        shard=row["shard"],
        owner=row["owner"],
        term=row["term"],
        beat=row["beat"],
        checkpoint=None if row["checkpoint"] is None else int(row["checkpoint"]),
        beyond=tuple(map(int, row["beyond"].split(","))) if row["beyond"] else (),
        parents=tuple(row["parents"]),
        is_finished=row["finished_at"] is not None,
    )
