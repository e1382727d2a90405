"""Reads one shard: reads ahead within its limits, and tracks what is acknowledged."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from saga.errors import NotFound, SagaError, UsageError
from saga.ports.bus import Message
from saga_kinesis.backoff import Backoff, LogLimiter
from saga_kinesis.client import Client, RecordPage
from saga_kinesis.failures import IteratorExpired, Throttled
from saga_kinesis.options import Options
from saga_kinesis.readers.lease_table import CheckpointUpdate, Lease, LeaseTable
from saga_kinesis.readers.sequence_tracker import SequenceTracker
from saga_kinesis.record_format import Envelope, unpack

PAGE_RECORDS_MAX: Final = 1_000
# of bodies that wait for the consumer; one more page, of at most 10 MiB, may be added
READY_BYTES_MAX: Final = 8 * 1024 * 1024
RETRY_SECONDS: Final = (0.1, 5.0)  # after a failure: first pause, longest pause
IDLE_GROWTH: Final = 1.5

_log = logging.getLogger(__name__)
_unreadable = LogLimiter()


@dataclass(frozen=True, slots=True, eq=False)
class KinesisDelivery:
    """See `saga.ports.bus.Delivery`. `sequence` is the record's number within its shard."""

    message: Message
    reader: ShardReader
    sequence: int


@dataclass(frozen=True, slots=True)
class ReaderCallbacks:
    """Called by a reader: when there are deliveries, when there is progress to save, when the list of shards must be read again.

    `on_failure`: when it has ended by an error that nobody foresaw.
    """

    on_deliveries: Callable[[], None]
    on_progress: Callable[[], None]
    on_stale_shards: Callable[[], None]
    on_failure: Callable[[Exception], None]


class ShardReader:
    """Reads one shard under one term of its lease. `ready` has the deliveries that are not handed out yet."""

    def __init__(self, api: Client, table: LeaseTable, topic: str, lease: Lease, callbacks: ReaderCallbacks) -> None:
        self.shard = lease.shard
        self.term = lease.term
        self.progress = SequenceTracker(lease.checkpoint, lease.beyond)
        self.ready: deque[KinesisDelivery] = deque()
        self.unreadable = 0
        self.is_leaving = False
        self._api = api
        self._options: Options = api.options
        self._table = table
        self._topic = topic
        self._stream = api.options.prefix + topic
        self._callbacks = callbacks
        self._in_hand: set[int] = set()
        self._ready_bytes = 0
        self._iterator: str | None = None
        self._is_at_end = False
        self._saved_changes = 0
        self._failing = LogLimiter()
        self._room = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._task = asyncio.create_task(self._run())

    @property
    def is_finished(self) -> bool:
        """True if the shard is closed and its last record acknowledged, so that its children may be read."""
        return self._is_at_end and not self.progress.unacknowledged

    @property
    def is_dirty(self) -> bool:
        """True if there is progress to save."""
        return self.progress.changes != self._saved_changes or self.is_finished

    def take(self, limit: int) -> list[KinesisDelivery]:
        """Hands out up to `limit` ready deliveries, the oldest first."""
        taken = [self.ready.popleft() for _ in range(min(limit, len(self.ready)))]
        if taken:
            self._in_hand.update(delivery.sequence for delivery in taken)
            self._drained.clear()
            self._ready_bytes -= sum(len(delivery.message.body) for delivery in taken)
            self._room.set()
        return taken

    def acknowledge(self, sequences: Sequence[int]) -> None:
        """Marks these records as done."""
        for sequence in sequences:
            self._in_hand.discard(sequence)
            self.progress.acknowledge(sequence)
        if not self._in_hand:
            self._drained.set()
        self._room.set()
        self._callbacks.on_progress()

    def checkpoint_update(self, *, is_released: bool = False) -> CheckpointUpdate:
        """The progress to save now."""
        progress = self.progress
        return CheckpointUpdate(
            self.shard,
            self.term,
            progress.checkpoint,
            progress.beyond,
            is_finished=self.is_finished,
            is_released=is_released,
        )

    def mark_saved(self, changes: int) -> None:
        """Records that the progress up to this number of changes is saved."""
        self._saved_changes = changes

    async def drain(self, seconds: float) -> None:
        """Stops, and waits at most this long until the consumer has acknowledged what it holds."""
        self.stop()
        try:
            async with asyncio.timeout(seconds):
                await self._drained.wait()
        except TimeoutError:
            _log.info(
                "releasing a shard with unacknowledged deliveries, which will come again: %s of %s",
                self.shard,
                self._stream,
            )

    def stop(self) -> None:
        """Stops reading, and drops what is not handed out yet: no checkpoint covers it."""
        self.is_leaving = True
        self._task.cancel()
        self.ready.clear()

    async def _run(self) -> None:
        try:
            await self._read()
        except Exception as error:  # noqa: BLE001 (raised where the subscription is awaited)
            self._callbacks.on_failure(error)

    async def _read(self) -> None:
        backoff, pause = Backoff(*RETRY_SECONDS), self._options.poll_seconds
        while not self._is_at_end:
            await self._wait_for_room()
            began_at = time.monotonic()
            try:
                page = await self._page()
                await self._receive(page)
            except SagaError as error:
                self._log_failure(error)
                await asyncio.sleep(backoff.seconds())
                continue
            backoff.reset()
            is_idle = not page.records and not page.behind_ms
            pause = min(pause * IDLE_GROWTH, self._options.idle_seconds) if is_idle else self._options.poll_seconds
            await asyncio.sleep(began_at + pause - time.monotonic())

    async def _wait_for_room(self) -> None:
        while self.progress.unacknowledged >= self._options.unacknowledged_max or self._ready_bytes >= READY_BYTES_MAX:
            self._room.clear()
            await self._room.wait()

    async def _page(self) -> RecordPage:
        if self._iterator is None:
            self._iterator = await self._api.iterator(self._stream, self.shard, self.progress.position)
        limit = min(PAGE_RECORDS_MAX, self._options.unacknowledged_max - self.progress.unacknowledged)
        return await self._api.read(self._stream, self._iterator, limit)

    async def _receive(self, page: RecordPage) -> None:
        """Counts nothing as read before the whole page is available: a parcel may be unavailable for a while."""
        envelopes = [(sequence, self._unpacked(data)) for sequence, data in page.records]
        wanted = [envelope.parcel for _, envelope in envelopes if envelope is not None and envelope.parcel is not None]
        parcels = await self._table.parcels(wanted) if wanted else {}
        for sequence, envelope in envelopes:
            if self.progress.try_begin(sequence):
                self._enqueue(sequence, envelope, parcels)
        self._iterator = page.iterator
        self._is_at_end = page.iterator is None
        if self.ready:
            self._callbacks.on_deliveries()
        if self.is_dirty:
            self._callbacks.on_progress()

    def _enqueue(self, sequence: int, envelope: Envelope | None, parcels: dict[int, bytes]) -> None:
        """Makes a delivery ready, or skips an unreadable record: it must not stop its shard."""
        message = None if envelope is None else envelope.message
        if envelope is not None and envelope.parcel is not None and message is not None:
            body = parcels.get(envelope.parcel)
            message = None if body is None else Message(message.topic, message.key, body, message.headers)
        if message is None:
            self.unreadable += 1
            if count := _unreadable.count():
                _log.error("skipped %s records that nobody can read, the last one in %s", count, self._stream)
            self.progress.acknowledge(sequence)
            return
        self._ready_bytes += len(message.body)
        self.ready.append(KinesisDelivery(message, self, sequence))

    def _unpacked(self, data: bytes) -> Envelope | None:
        try:
            return unpack(self._topic, data)
        except Exception as error:  # noqa: BLE001 (whatever is wrong with a record, it must not stop its shard)
            _log.debug("record of %s: %r", self._stream, error)
            return None

    def _log_failure(self, error: SagaError) -> None:
        if isinstance(error, IteratorExpired | NotFound | UsageError):
            self._iterator = None  # a new one is requested, behind the last record
        if isinstance(error, NotFound | UsageError):
            self._callbacks.on_stale_shards()
        if not isinstance(error, IteratorExpired | Throttled) and (count := self._failing.count()):
            _log.warning("cannot read %s of %s (%s times): %s", self.shard, self._stream, count, error)
