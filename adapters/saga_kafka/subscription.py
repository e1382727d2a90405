"""A member of a consumer group: polls all the time, pauses while its buffer is full, and commits what was acknowledged."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from saga.errors import Closed
from saga.ports.bus import Delivery, Message
from saga_kafka.failures import translation
from saga_kafka.offset_tracker import Note, OffsetTracker
from saga_kafka.options import Options
from saga_kafka.record_reader import Batches, RecordReader

# one fetch is in flight per broker: a partition that was paused when it was sent waits for its end
FETCH_WAIT_MS: Final = 250
FETCH_BYTES_MAX: Final = 8 * 1024 * 1024
PARTITION_FETCH_BYTES_MAX: Final = 1024 * 1024 + 64 * 1024
READY_BYTES_MAX: Final = 8 * 1024 * 1024
IN_HAND_MAX: Final = 10_000  # maximum number of unacknowledged deliveries; fetching pauses there
HEARTBEAT_MS: Final = 500  # how soon the join or leave of another member is noticed
REBALANCE_MS: Final = 30_000  # far more than SETTLE_SECONDS, or two members rebalance the group for ever
SETTLE_SECONDS: Final = 1.0  # how long a rebalance waits for acknowledgements
COMMIT_PAUSE_SECONDS: Final = 0.5
COMMIT_TIMEOUT_SECONDS: Final = 5.0
STOP_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)
CommittedOffsets = Callable[[str, Collection[TopicPartition]], Awaitable[dict[TopicPartition, OffsetAndMetadata]]]


class KafkaDelivery:
    """See `saga.ports.bus.Delivery`. It belongs to one ownership of its partition: after a rebalance, its ack has no effect."""

    __slots__ = ("_record", "_topic", "offset", "partition", "progress")

    def __init__(self, record: ConsumerRecord[bytes, bytes], topic: str, progress: OffsetTracker) -> None:
        self._record = record
        self._topic = topic
        self.partition = TopicPartition(record.topic, record.partition)
        self.offset: int = record.offset
        self.progress = progress

    @property
    def message(self) -> Message:
        record = self._record
        headers = {name: str(value or b"", "utf-8", "replace") for name, value in record.headers}
        return Message(self._topic, record.key or b"", record.value or b"", headers)

    @property
    def size(self) -> int:
        return len(self._record.value or b"")


class KafkaSubscription:
    """See `saga.ports.bus.Subscription`.

    A separate task polls: the consumer may take hours for a batch, and the group never notices. When two batches are ready, the
    partitions are paused. Commits have the offset of the first unacknowledged delivery, and a note of what is done beyond it; they
    are made at most twice a second, at a rebalance, and at the end.
    """

    def __init__(
        self, options: Options, topics: Sequence[str], group: str, limit: int, committed: CommittedOffsets
    ) -> None:
        self._options = options
        self._topics = topics
        self._group = group
        self._limit = limit
        self._committed = committed
        self._consumer = AIOKafkaConsumer(**options.client(), **_settings(options, group))
        self._reader = RecordReader(self._consumer, limit)
        self._ready: deque[KafkaDelivery] = deque()
        self._ready_bytes = 0
        self._in_hand: set[KafkaDelivery] = set()
        self._progress: dict[TopicPartition, OffsetTracker] = {}
        self._touched: set[TopicPartition] = set()
        self._epoch = 0
        self._is_paused = False
        self._failure: Exception | None = None
        self._arrived, self._settled, self._acked = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Joins the group. Raises KafkaError."""
        self._consumer.subscribe(list(self._topics), listener=RebalanceListener(self._on_revoked))
        await self._consumer.start()
        loops = (self._pump(), self._commit_regularly())
        self._tasks = [asyncio.create_task(self._ending_with(loop)) for loop in loops]

    def __aiter__(self) -> AsyncIterator[Sequence[Delivery]]:
        return self

    async def __anext__(self) -> Sequence[Delivery]:
        """The next batch. Raises the error that ended the reading: the caller must subscribe again."""
        while not self._ready:
            if self._failure is not None:
                raise self._failure
            self._arrived.clear()
            await self._arrived.wait()
        batch = [self._ready.popleft() for _ in range(min(self._limit, len(self._ready)))]
        self._ready_bytes -= sum(delivery.size for delivery in batch)
        self._in_hand.update(batch)
        self._throttle()
        return batch

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Marks deliveries as done, committed soon afterwards. A crash may lose the acknowledgements of the last half second."""
        for delivery in deliveries:
            if not isinstance(delivery, KafkaDelivery) or delivery not in self._in_hand:
                continue
            self._in_hand.discard(delivery)
            delivery.progress.finish(delivery.offset)
            self._touched.add(delivery.partition)
        self._throttle()
        if self._touched:
            self._acked.set()
        if not self._in_hand:
            self._settled.set()

    async def close(self) -> None:
        """Leaves the group. A static member only disconnects, so that it can return without a rebalance."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
            await self._commit()
        self._failure = self._failure or Closed("this subscription was closed")
        self._arrived.set()
        stopping = asyncio.create_task(self._consumer.stop())
        await asyncio.wait([stopping], timeout=STOP_SECONDS)
        if not stopping.done():
            stopping.cancel()
            await asyncio.wait([stopping])
        if not stopping.cancelled() and (error := stopping.exception()) is not None:
            _log.warning("kafka: leaving group %s: %r", self._group, error)

    async def _ending_with(self, loop: Coroutine[None, None, None]) -> None:
        """Runs a loop; whatever ends it ends the iteration as well: a reader that stands still looks like an empty topic."""
        try:
            await loop
        except (KafkaError, OSError, TimeoutError) as error:
            self._failure = translation(error, self._options.place)
        except Exception as error:  # noqa: BLE001 (raised where the subscription is awaited)
            self._failure = error
        finally:
            self._arrived.set()

    async def _pump(self) -> None:
        while True:
            batches = await self._reader.read()
            if batches:
                await self._feed(batches)

    async def _feed(self, batches: Batches) -> None:
        epoch = self._epoch
        new = [partition for partition, records in batches.items() if self._is_new(partition, records)]
        notes = await self._notes(new) if new else {}
        if epoch != self._epoch:
            return  # revoked meanwhile; read again from the last commit, here or by another member
        for partition in new:
            self._progress[partition] = OffsetTracker(batches[partition][0].offset, notes.get(partition, Note()))
        for partition, records in batches.items():
            progress = self._progress[partition]
            for record in records:
                if progress.try_begin(record.offset):
                    delivery = KafkaDelivery(record, partition.topic[len(self._options.prefix) :], progress)
                    self._ready.append(delivery)
                    self._ready_bytes += delivery.size
        self._throttle()
        self._arrived.set()

    def _is_new(self, partition: TopicPartition, records: list[ConsumerRecord[bytes, bytes]]) -> bool:
        """True also for a partition whose offsets start again: its topic was deleted and recreated."""
        progress = self._progress.get(partition)
        return progress is None or records[0].offset < progress.end

    async def _notes(self, partitions: list[TopicPartition]) -> dict[TopicPartition, Note]:
        try:
            commits = await self._committed(self._group, partitions)
        except (KafkaError, OSError, TimeoutError) as error:
            _log.info(
                "kafka: cannot read the notes of the last commit, some messages will be delivered again: %r", error
            )
            return {}
        return {partition: Note.read(commit.metadata, commit.offset) for partition, commit in commits.items()}

    def _throttle(self) -> None:
        """Pauses all partitions while two batches are ready, resumes them at one. Polling continues."""
        is_full = self._ready_bytes > READY_BYTES_MAX or len(self._in_hand) >= IN_HAND_MAX
        if not self._is_paused and (is_full or len(self._ready) >= 2 * self._limit):
            self._is_paused = True
            self._consumer.pause(*self._consumer.assignment())
        elif self._is_paused and not is_full and len(self._ready) <= self._limit:
            self._is_paused = False
            self._consumer.resume(*self._consumer.assignment())

    async def _on_revoked(self) -> None:
        """Hands out nothing more, commits what is acknowledged, drops the rest. Does not wait for handlers that run long."""
        self._epoch += 1
        self._reader.forget()
        self._ready.clear()
        self._ready_bytes = 0
        self._settled.clear()
        if self._in_hand:
            try:
                async with asyncio.timeout(SETTLE_SECONDS):
                    await self._settled.wait()
            except TimeoutError:
                _log.info("kafka: %d deliveries of group %s will be delivered again", len(self._in_hand), self._group)
        await self._commit()
        self._progress.clear()
        self._touched.clear()
        self._in_hand.clear()
        self._is_paused = False

    async def _commit_regularly(self) -> None:
        while True:
            await self._acked.wait()
            self._acked.clear()
            await self._commit()
            await asyncio.sleep(COMMIT_PAUSE_SECONDS)

    async def _commit(self) -> None:
        touched, self._touched = self._touched, set()
        trackers = {partition: self._progress[partition] for partition in touched if partition in self._progress}
        offsets = {partition: (progress.watermark, progress.note()) for partition, progress in trackers.items()}
        if not offsets:
            return
        try:
            async with asyncio.timeout(COMMIT_TIMEOUT_SECONDS):
                await self._consumer.commit(offsets)
        except Exception as error:  # noqa: BLE001 (the next commit contains this one)
            self._touched |= touched
            _log.info("kafka: failed to commit offsets of group %s: %r", self._group, error)


class RebalanceListener(ConsumerRebalanceListener):  # type: ignore[misc] # the driver has no types
    """Called by the driver before each new assignment, also after the old one was lost."""

    def __init__(self, revoked: Callable[[], Awaitable[None]]) -> None:
        self._revoked = revoked

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        if revoked:
            await self._revoked()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Does nothing: the committed offset of a partition is read when its first records arrive."""


def _settings(options: Options, group: str) -> dict[str, Any]:
    return {
        "group_id": group,
        "group_instance_id": options.instance,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "session_timeout_ms": options.session_ms,
        "heartbeat_interval_ms": HEARTBEAT_MS,
        "rebalance_timeout_ms": REBALANCE_MS,
        "fetch_max_wait_ms": FETCH_WAIT_MS,
        "fetch_max_bytes": FETCH_BYTES_MAX,
        "max_partition_fetch_bytes": PARTITION_FETCH_BYTES_MAX,
    }
