"""One shard in the hands of its owner: reads ahead as far as its limits allow, and knows what is acknowledged."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from saga.errors import NotFound, ProtocolViolation, SagaError, UsageError
from saga.ports.bus import Message
from saga_kinesis.backoff import Backoff, Complaint
from saga_kinesis.client import Client, RecordPage
from saga_kinesis.failures import IteratorExpired, Throttled
from saga_kinesis.options import Options
from saga_kinesis.readers.lease_table import Lease, LeaseTable, Saving
from saga_kinesis.readers.sequence_tracker import SequenceTracker
from saga_kinesis.record_format import Envelope, unpack

PAGE_RECORDS_MAX: Final = 1_000
READY_BYTES_MAX: Final = (
    8 * 1024 * 1024
)  # of bodies that wait for the consumer; one page of at most 10 MiB may come on top
RETRY_SECONDS: Final = (0.1, 5.0)  # after a failure: first pause, longest pause
IDLE_GROWTH: Final = 1.5

_log = logging.getLogger(__name__)
_poison = Complaint()


@dataclass(frozen=True, slots=True, eq=False)
class KinesisDelivery:
    """See `saga.ports.bus.Delivery`. `sequence` is the record's number within its shard."""

    message: Message
    reader: ShardReader
    sequence: int


@dataclass(frozen=True, slots=True)
class Hooks:
    """Whom a shard's reader tells what: `filled` there are deliveries, `changed` there is something to save, `lost` the list of
    shards should be read again."""

    filled: Callable[[], None]
    changed: Callable[[], None]
    lost: Callable[[], None]


class ShardReader:
    """Reads one shard under one term of its lease. `ready` is what nobody has taken yet."""

    def __init__(self, api: Client, table: LeaseTable, topic: str, lease: Lease, hooks: Hooks) -> None:
        self.shard = lease.shard
        self.term = lease.term
        self.progress = SequenceTracker(lease.checkpoint, lease.beyond)
        self.ready: deque[KinesisDelivery] = deque()
        self.poisoned = 0
        self.is_leaving = False
        self._api = api
        self._options: Options = api.options
        self._table = table
        self._topic = topic
        self._stream = api.options.prefix + topic
        self._hooks = hooks
        self._in_hand: set[int] = set()
        self._ready_bytes = 0
        self._iterator: str | None = None
        self._is_at_end = False
        self._saved_changes = 0
        self._failing = Complaint()
        self._room = asyncio.Event()
        self._empty_handed = asyncio.Event()
        self._empty_handed.set()
        self._task = asyncio.create_task(self._run())

    @property
    def is_finished(self) -> bool:
        """The shard was closed, and its last record is acknowledged: its children may be read."""
        return self._is_at_end and not self.progress.unacknowledged

    @property
    def is_dirty(self) -> bool:
        """Whether there is something to save."""
        return self.progress.changes != self._saved_changes or self.is_finished

    def take(self, limit: int) -> list[KinesisDelivery]:
        """Hand out what is ready, the oldest first."""
        taken = [self.ready.popleft() for _ in range(min(limit, len(self.ready)))]
        if taken:
            self._in_hand.update(delivery.sequence for delivery in taken)
            self._empty_handed.clear()
            self._ready_bytes -= sum(len(delivery.message.body) for delivery in taken)
            self._room.set()
        return taken

    def acknowledge(self, sequences: Sequence[int]) -> None:
        """These are done with."""
        for sequence in sequences:
            self._in_hand.discard(sequence)
            self.progress.acknowledge(sequence)
        if not self._in_hand:
            self._empty_handed.set()
        self._room.set()
        self._hooks.changed()

    def saving(self, *, is_released: bool = False) -> Saving:
        """What to write down now."""
        progress = self.progress
        return Saving(
            self.shard,
            self.term,
            progress.checkpoint,
            progress.beyond,
            is_finished=self.is_finished,
            is_released=is_released,
        )

    def saved(self, changes: int) -> None:
        """What had changed until then is written down."""
        self._saved_changes = changes

    async def empty_handed(self, seconds: float) -> None:
        """Hand out nothing more, and wait for what is in the consumer's hands, but not longer."""
        self.stop()
        try:
            async with asyncio.timeout(seconds):
                await self._empty_handed.wait()
        except TimeoutError:
            _log.info(
                "a shard is given up with deliveries in hand, which come again: %s of %s", self.shard, self._stream
            )

    def stop(self) -> None:
        """Read no more. What was not handed out is forgotten: it is behind no checkpoint."""
        self.is_leaving = True
        self._task.cancel()
        self.ready.clear()

    async def _run(self) -> None:
        backoff, pause = Backoff(*RETRY_SECONDS), self._options.poll_seconds
        while not self._is_at_end:
            await self._has_room()
            began_at = time.monotonic()
            try:
                page = await self._page()
                await self._receive(page)
            except SagaError as error:
                self._complain(error)
                await asyncio.sleep(backoff.seconds())
                continue
            backoff.reset()
            is_idle = not page.records and not page.behind_ms
            pause = min(pause * IDLE_GROWTH, self._options.idle_seconds) if is_idle else self._options.poll_seconds
            await asyncio.sleep(began_at + pause - time.monotonic())

    async def _has_room(self) -> None:
        while self.progress.unacknowledged >= self._options.unacknowledged_max or self._ready_bytes >= READY_BYTES_MAX:
            self._room.clear()
            await self._room.wait()

    async def _page(self) -> RecordPage:
        if self._iterator is None:
            self._iterator = await self._api.iterator(self._stream, self.shard, self.progress.position)
        limit = min(PAGE_RECORDS_MAX, self._options.unacknowledged_max - self.progress.unacknowledged)
        return await self._api.read(self._stream, self._iterator, limit)

    async def _receive(self, page: RecordPage) -> None:
        """Nothing is counted as read before all of the page can be had: a parcel may be out of reach for a while."""
        envelopes = [(sequence, self._opened(data)) for sequence, data in page.records]
        wanted = [envelope.parcel for _, envelope in envelopes if envelope is not None and envelope.parcel is not None]
        parcels = await self._table.parcels(wanted) if wanted else {}
        for sequence, envelope in envelopes:
            if self.progress.read(sequence):
                self._sort(sequence, envelope, parcels)
        self._iterator = page.iterator
        self._is_at_end = page.iterator is None
        if self.ready:
            self._hooks.filled()
        if self.is_dirty:
            self._hooks.changed()

    def _sort(self, sequence: int, envelope: Envelope | None, parcels: dict[int, bytes]) -> None:
        """To the consumer, or, what nobody can read, aside: a poisoned record never stops its shard."""
        message = None if envelope is None else envelope.message
        if envelope is not None and envelope.parcel is not None and message is not None:
            body = parcels.get(envelope.parcel)
            message = None if body is None else Message(message.topic, message.key, body, message.headers)
        if message is None:
            self.poisoned += 1
            if count := _poison.due():
                _log.error("%s records that nobody can read were passed over, the last one in %s", count, self._stream)
            self.progress.acknowledge(sequence)
            return
        self._ready_bytes += len(message.body)
        self.ready.append(KinesisDelivery(message, self, sequence))

    def _opened(self, data: bytes) -> Envelope | None:
        try:
            return unpack(self._topic, data)
        except ProtocolViolation as error:
            _log.debug("record of %s: %s", self._stream, error)
            return None

    def _complain(self, error: SagaError) -> None:
        if isinstance(error, IteratorExpired | NotFound | UsageError):
            self._iterator = None  # asked for again, behind the last record that came
        if isinstance(error, NotFound | UsageError):
            self._hooks.lost()
        if not isinstance(error, IteratorExpired | Throttled) and (count := self._failing.due()):
            _log.warning("cannot read %s of %s (%s times): %s", self.shard, self._stream, count, error)
