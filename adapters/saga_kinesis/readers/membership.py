"""A reader of one stream within a consumer group: which shards are its own, and that the others know it lives."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable, Iterable
from typing import Final
from uuid import UUID, uuid4

from saga.errors import NotFound, SagaError, Unavailable
from saga_kinesis.backoff import Backoff, Complaint, jitter
from saga_kinesis.client import Client, Stream
from saga_kinesis.readers.lease_table import Lease, LeaseTable, Place
from saga_kinesis.readers.observer import Observer, fair_share
from saga_kinesis.readers.shard_reader import Hooks, ShardReader
from saga_kinesis.streams import make

SYNC_SECONDS: Final = 30.0  # how often the list of shards is read although nothing says that it has changed
BEATS_A_LEASE: Final = 8
BEAT_SECONDS_MAX: Final = 1.0
SAVE_SECONDS: Final = 0.1  # so long acknowledgements are gathered after a saving; the first one waits for nothing
RETRY_SECONDS: Final = (0.1, 2.0)
LEAVE_SECONDS: Final = 5.0
TRUSTED: Final = 0.8  # of a lease: its owner stops a little before the others may begin

_log = logging.getLogger(__name__)


class ReaderMembership:
    """Holds a fair share of the stream's shards. `lease` after its last sign of life others take them over.

    A shard changes hands in good order: its owner hands out nothing more, waits for what is in the consumer's hands, saves,
    and gives it up. Only what a dead owner had is read twice.
    """

    def __init__(self, api: Client, table: LeaseTable, topic: str, group: str, filled: Callable[[], None]) -> None:
        self.readers: dict[str, ShardReader] = {}
        self._api = api
        self._table = table
        self._topic = topic
        self._stream = api.options.prefix + topic
        self._group = group
        self._hooks = Hooks(filled, self._on_change, self._on_loss)
        self._lease_seconds = api.options.lease_seconds
        self._beat_seconds = min(self._lease_seconds / BEATS_A_LEASE, BEAT_SECONDS_MAX)
        self._id = uuid4()
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._place: Place | None = None
        self._observer = Observer()
        self._trusted_until = float("-inf")
        self._sync_at = float("-inf")
        self._wanted = asyncio.Event()
        self._dirty = asyncio.Event()
        self._failing = Complaint()
        self._handing_over: set[asyncio.Task[None]] = set()
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._save_all())]

    def trusted(self) -> list[ShardReader]:
        """The shards whose deliveries may be handed out now: none while it is too long ago that we proved to be alive."""
        if time.monotonic() >= self._trusted_until:
            return []
        return [reader for reader in self.readers.values() if not reader.is_leaving]

    async def close(self) -> None:
        """Give the shards back. Where the database cannot be told, the end of the leases tells the others."""
        for task in (*self._tasks, *self._handing_over):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._handing_over, return_exceptions=True)
        held = list(self.readers.values())
        self._drop(held)
        if self._place is None:
            return
        with contextlib.suppress(SagaError, TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._save(self._place, held, is_released=True)
                await self._table.leave(self._place, self._id)

    async def _run(self) -> None:
        backoff = Backoff(*RETRY_SECONDS)
        while True:
            self._wanted.clear()
            try:
                await self._round()
                backoff.reset()
                pause = jitter(self._beat_seconds)
            except SagaError as error:
                self._complain(error)
                pause = backoff.seconds()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wanted.wait()

    async def _round(self) -> None:
        """A sign of life, and what follows from what the others say."""
        if self._place is None or time.monotonic() >= self._sync_at:
            await self._sync()
        place = self._place
        if place is None:
            return
        asked_at = time.monotonic()
        leases = await self._table.beat(place, self._id, self._name, {s: r.term for s, r in self.readers.items()})
        if not leases:
            self._sync_at = float("-inf")  # somebody emptied the table: the shards are still there
        self._trusted_until = asked_at + self._lease_seconds * TRUSTED
        terms = {lease.shard: lease.term for lease in leases if lease.owner == self._id}
        self._drop([reader for shard, reader in self.readers.items() if terms.get(shard) != reader.term])
        self._hooks.filled()
        alive = await self._alive(place)
        await self._balance(place, leases, alive)

    async def _sync(self) -> None:
        """Read which shards there are. A stream that was made anew begins anew."""
        stream = await self._described()
        place = Place(self._group, self._stream, stream.incarnation)
        if place != self._place:
            self._drop(list(self.readers.values()))
        forgotten = await self._table.sync(place, await self._api.shards(self._stream))
        self._place = place
        self._sync_at = time.monotonic() + jitter(SYNC_SECONDS)
        if forgotten:
            _log.error(
                "records of %s were lost: its retention ended before %s had read %s",
                self._stream,
                self._group,
                forgotten,
            )

    async def _described(self) -> Stream:
        try:
            stream = await self._api.describe(self._stream)
        except NotFound:
            self._drop(list(self.readers.values()))
            self._place = None
            if not self._api.options.create:
                raise
            await make(self._api, self._stream)
            stream = await self._api.describe(self._stream)
        if not stream.is_usable:
            self._place = None
            raise Unavailable(f"{self._api.options.place}: stream {self._stream} is {stream.status.lower()}")
        return stream

    async def _alive(self, place: Place) -> list[UUID]:
        """Who else reads this stream. Whoever has been silent for a lease is forgotten."""
        readers = await self._table.readers(place)
        now, alive = time.monotonic(), list[UUID]()
        for reader, beat in readers.items():
            if reader == self._id or self._observer.silent_seconds(reader, beat, now) < self._lease_seconds:
                alive.append(reader)
            else:
                await self._table.leave(place, reader, beat)
        return alive if self._id in alive else [*alive, self._id]

    async def _balance(self, place: Place, leases: list[Lease], alive: list[UUID]) -> None:
        """Take what is free, up to our share; give up what is beyond it."""
        finished = {lease.shard for lease in leases if lease.is_finished}
        unfinished = {lease.shard for lease in leases} - finished
        current = [lease for lease in leases if not lease.is_finished and not unfinished.intersection(lease.parents)]
        share = fair_share(self._stream, alive, self._id, len(current))
        held = [reader for reader in self.readers.values() if not reader.is_leaving]
        for reader in held[share:]:
            self._hand_over(place, reader)
        room = share - len(held)
        now = time.monotonic()
        for lease in current:
            silent = self._observer.silent_seconds(lease.shard, (lease.owner, lease.term, lease.beat), now)
            # our own that we do not hold: the answer to the takeover was lost
            is_free = lease.owner in {None, self._id} or silent >= self._lease_seconds
            if room > 0 and is_free and lease.shard not in self.readers:
                taken = await self._table.take(place, self._id, lease)
                if taken is not None:
                    self.readers[lease.shard] = ShardReader(self._api, self._table, self._topic, taken, self._hooks)
                    room -= 1
        self._observer.forget_others({*alive, *(lease.shard for lease in leases)})

    def _hand_over(self, place: Place, reader: ShardReader) -> None:
        reader.is_leaving = True
        task = asyncio.create_task(self._give_up(place, reader))
        self._handing_over.add(task)
        task.add_done_callback(self._handing_over.discard)

    async def _give_up(self, place: Place, reader: ShardReader) -> None:
        await reader.empty_handed(self._lease_seconds / 2)
        try:
            await self._save(place, [reader], is_released=True)
        except Unavailable as error:
            self._complain(error)  # the lease ends by time
        self._drop([reader])

    async def _save_all(self) -> None:
        """Write down what is acknowledged: at once when it is quiet, in groups when it is not."""
        backoff = Backoff(*RETRY_SECONDS)
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            place = self._place
            dirty = [reader for reader in self.readers.values() if reader.is_dirty]
            if place is None or not dirty:
                continue
            try:
                await self._save(place, dirty)
                backoff.reset()
                await asyncio.sleep(SAVE_SECONDS)
            except SagaError as error:
                self._complain(error)
                self._dirty.set()
                await asyncio.sleep(backoff.seconds())

    async def _save(self, place: Place, readers: Iterable[ShardReader], *, is_released: bool = False) -> None:
        changes = {reader.shard: (reader, reader.progress.changes) for reader in readers}
        savings = [reader.saving(is_released=is_released) for reader, _ in changes.values()]
        if not savings:
            return
        ours = await self._table.save(place, self._id, savings)
        for saving in savings:
            reader, count = changes[saving.shard]
            reader.saved(count)
            if saving.shard not in ours or saving.is_finished:
                self._drop([reader])
        if any(saving.is_finished for saving in savings):
            self._sync_at = float("-inf")  # it has children
            self._wanted.set()

    def _drop(self, readers: list[ShardReader]) -> None:
        for reader in readers:
            reader.stop()
            if self.readers.get(reader.shard) is reader:
                del self.readers[reader.shard]

    def _on_change(self) -> None:
        self._dirty.set()

    def _on_loss(self) -> None:
        """A shard is not what it was: the stream may be another one."""
        self._sync_at = float("-inf")

    def _complain(self, error: SagaError) -> None:
        if count := self._failing.due():
            _log.warning("%s cannot keep its place at %s (%s times): %s", self._group, self._stream, count, error)
