"""The membership of a reader in a consumer group: its share of the shards of one stream, and its heartbeat."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Final
from uuid import UUID, uuid4

from saga.errors import NotFound, SagaError, Unavailable
from saga_kinesis.backoff import Backoff, LogLimiter, jitter
from saga_kinesis.client import Client, Stream
from saga_kinesis.readers.lease_table import GroupStream, Lease, LeaseTable
from saga_kinesis.readers.observer import Observer, fair_share
from saga_kinesis.readers.shard_reader import ReaderCallbacks, ShardReader
from saga_kinesis.streams import create_stream

SYNC_SECONDS: Final = 30.0  # how often the list of shards is read without a sign that it has changed
HEARTBEATS_PER_LEASE: Final = 8
HEARTBEAT_SECONDS_MAX: Final = 1.0
SAVE_SECONDS: Final = 0.1  # how long acknowledgements are collected after a save; the first one is saved at once
RETRY_SECONDS: Final = (0.1, 2.0)
LEAVE_SECONDS: Final = 5.0
TRUSTED_SHARE: Final = 0.8  # of a lease: its owner stops before another reader may begin

_log = logging.getLogger(__name__)


class ReaderMembership:
    """Holds a fair share of the stream's shards. One lease after its last heartbeat, other readers take them over.

    A living owner gives up a shard in order: it hands out nothing more, waits until the consumer has acknowledged what it holds, saves,
    and releases the shard. Only the records of a dead owner are read twice. `failure` is the error that has ended one of its loops.
    """

    def __init__(
        self, api: Client, table: LeaseTable, topic: str, group: str, on_deliveries: Callable[[], None]
    ) -> None:
        self.readers: dict[str, ShardReader] = {}
        self.failure: Exception | None = None
        self._api = api
        self._table = table
        self._topic = topic
        self._stream = api.options.prefix + topic
        self._group = group
        self._callbacks = ReaderCallbacks(on_deliveries, self._on_progress, self._on_stale_shards, self._on_failure)
        self._lease_seconds = api.options.lease_seconds
        self._heartbeat_seconds = min(self._lease_seconds / HEARTBEATS_PER_LEASE, HEARTBEAT_SECONDS_MAX)
        self._id = uuid4()
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._group_stream: GroupStream | None = None
        self._observer = Observer()
        self._trusted_until = float("-inf")
        self._sync_at = float("-inf")
        self._wake = asyncio.Event()
        self._dirty = asyncio.Event()
        self._failing = LogLimiter()
        self._releasing: set[asyncio.Task[None]] = set()
        self._tasks = [asyncio.create_task(self._ending_with(loop)) for loop in (self._run(), self._save_all())]

    def trusted_readers(self) -> list[ShardReader]:
        """The readers whose deliveries may be handed out now: none if the last successful heartbeat is too long ago."""
        if time.monotonic() >= self._trusted_until:
            return []
        return [reader for reader in self.readers.values() if not reader.is_leaving]

    async def close(self) -> None:
        """Releases the shards. If the database is unavailable, the other readers take over when the leases end."""
        for task in (*self._tasks, *self._releasing):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._releasing, return_exceptions=True)
        held = list(self.readers.values())
        self._drop(held)
        if self._group_stream is None:
            return
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._save(self._group_stream, held, is_released=True)
                await self._table.leave(self._group_stream, self._id)
        except Exception as error:  # noqa: BLE001 (the leases end by themselves)
            _log.info("group %s could not release its shards of %s: %r", self._group, self._stream, error)

    async def _ending_with(self, loop: Coroutine[None, None, None]) -> None:
        """Runs a loop; an error that nobody foresaw ends the subscription: readers that stand still look like an empty stream."""
        try:
            await loop
        except Exception as error:  # noqa: BLE001 (raised where the subscription is awaited)
            self._on_failure(error)

    async def _run(self) -> None:
        backoff = Backoff(*RETRY_SECONDS)
        while True:
            self._wake.clear()
            try:
                await self._beat()
                backoff.reset()
                pause = jitter(self._heartbeat_seconds)
            except SagaError as error:
                self._log_failure(error)
                pause = backoff.seconds()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    async def _beat(self) -> None:
        """Sends a heartbeat, then takes and releases shards as the state of the other readers demands."""
        if self._group_stream is None or time.monotonic() >= self._sync_at:
            await self._sync()
        group_stream = self._group_stream
        if group_stream is None:
            return
        asked_at = time.monotonic()
        leases = await self._table.heartbeat(
            group_stream, self._id, self._name, {s: r.term for s, r in self.readers.items()}
        )
        if not leases:
            self._sync_at = float("-inf")  # the table was emptied: read the list of shards again
        self._trusted_until = asked_at + self._lease_seconds * TRUSTED_SHARE
        terms = {lease.shard: lease.term for lease in leases if lease.owner == self._id}
        self._drop([reader for shard, reader in self.readers.items() if terms.get(shard) != reader.term])
        self._callbacks.on_deliveries()
        alive = await self._live_readers(group_stream)
        await self._balance(group_stream, leases, alive)

    async def _sync(self) -> None:
        """Reads the list of shards. A recreated stream is read from its beginning."""
        stream = await self._describe_usable()
        group_stream = GroupStream(self._group, self._stream, stream.incarnation)
        if group_stream != self._group_stream:
            self._drop(list(self.readers.values()))
        lost = await self._table.sync(group_stream, await self._api.shards(self._stream))
        self._group_stream = group_stream
        self._sync_at = time.monotonic() + jitter(SYNC_SECONDS)
        if lost:
            _log.error(
                "records of %s were lost: its retention ended before %s had read %s",
                self._stream,
                self._group,
                lost,
            )

    async def _describe_usable(self) -> Stream:
        try:
            stream = await self._api.describe(self._stream)
        except NotFound:
            self._drop(list(self.readers.values()))
            self._group_stream = None
            if not self._api.options.create:
                raise
            await create_stream(self._api, self._stream)
            stream = await self._api.describe(self._stream)
        if not stream.is_usable:
            self._group_stream = None
            raise Unavailable(f"{self._api.options.place}: stream {self._stream} is {stream.status.lower()}")
        return stream

    async def _live_readers(self, group_stream: GroupStream) -> list[UUID]:
        """The readers of this stream. Removes those without a heartbeat for the length of a lease."""
        readers = await self._table.readers(group_stream)
        now, alive = time.monotonic(), list[UUID]()
        for reader, heartbeat in readers.items():
            if reader == self._id or self._observer.silent_seconds(reader, heartbeat, now) < self._lease_seconds:
                alive.append(reader)
            else:
                await self._table.leave(group_stream, reader, heartbeat)
        return alive if self._id in alive else [*alive, self._id]

    async def _balance(self, group_stream: GroupStream, leases: list[Lease], alive: list[UUID]) -> None:
        """Takes free shards up to the fair share; releases shards beyond it."""
        finished = {lease.shard for lease in leases if lease.is_finished}
        unfinished = {lease.shard for lease in leases} - finished
        current = [lease for lease in leases if not lease.is_finished and not unfinished.intersection(lease.parents)]
        share = fair_share(self._stream, alive, self._id, len(current))
        held = [reader for reader in self.readers.values() if not reader.is_leaving]
        for reader in held[share:]:
            self._begin_release(group_stream, reader)
        room = share - len(held)
        now = time.monotonic()
        for lease in current:
            silent = self._observer.silent_seconds(lease.shard, (lease.owner, lease.term, lease.heartbeat), now)
            # owned but not read by this reader: the answer to its takeover was lost
            is_free = lease.owner in {None, self._id} or silent >= self._lease_seconds
            if room > 0 and is_free and lease.shard not in self.readers:
                taken = await self._table.try_take(group_stream, self._id, lease)
                if taken is not None:
                    self.readers[lease.shard] = ShardReader(self._api, self._table, self._topic, taken, self._callbacks)
                    room -= 1
        self._observer.forget_others({*alive, *(lease.shard for lease in leases)})

    def _begin_release(self, group_stream: GroupStream, reader: ShardReader) -> None:
        reader.is_leaving = True
        task = asyncio.create_task(self._ending_with(self._release(group_stream, reader)))
        self._releasing.add(task)
        task.add_done_callback(self._releasing.discard)

    async def _release(self, group_stream: GroupStream, reader: ShardReader) -> None:
        await reader.drain(self._lease_seconds / 2)
        try:
            await self._save(group_stream, [reader], is_released=True)
        except Unavailable as error:
            self._log_failure(error)  # the lease will end by itself
        self._drop([reader])

    async def _save_all(self) -> None:
        """Saves acknowledgements: at once if there are few, in groups if there are many."""
        backoff = Backoff(*RETRY_SECONDS)
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            group_stream = self._group_stream
            dirty = [reader for reader in self.readers.values() if reader.is_dirty]
            if group_stream is None or not dirty:
                continue
            try:
                await self._save(group_stream, dirty)
                backoff.reset()
                await asyncio.sleep(SAVE_SECONDS)
            except SagaError as error:
                self._log_failure(error)
                self._dirty.set()
                await asyncio.sleep(backoff.seconds())

    async def _save(
        self, group_stream: GroupStream, readers: Iterable[ShardReader], *, is_released: bool = False
    ) -> None:
        changes = {reader.shard: (reader, reader.progress.changes) for reader in readers}
        updates = [reader.checkpoint_update(is_released=is_released) for reader, _ in changes.values()]
        if not updates:
            return
        owned = await self._table.save(group_stream, self._id, updates)
        for update in updates:
            reader, count = changes[update.shard]
            reader.mark_saved(count)
            if update.shard not in owned or update.is_finished:
                self._drop([reader])
        if any(update.is_finished for update in updates):
            self._sync_at = float("-inf")  # its children can be read
            self._wake.set()

    def _drop(self, readers: list[ShardReader]) -> None:
        for reader in readers:
            reader.stop()
            if self.readers.get(reader.shard) is reader:
                del self.readers[reader.shard]

    def _on_progress(self) -> None:
        self._dirty.set()

    def _on_stale_shards(self) -> None:
        """Reads the list of shards again: a shard has disappeared, so the stream may have been recreated."""
        self._sync_at = float("-inf")

    def _on_failure(self, error: Exception) -> None:
        self.failure = error
        self._callbacks.on_deliveries()

    def _log_failure(self, error: SagaError) -> None:
        if count := self._failing.count():
            _log.warning(
                "group %s cannot renew its leases on %s (%s times): %s", self._group, self._stream, count, error
            )
