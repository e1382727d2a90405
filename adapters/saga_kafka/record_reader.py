"""Reads records from the driver, and skips those that it cannot read, so that none of them stops its partition."""

from __future__ import annotations

import logging
from collections import deque
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError, RecordTooLargeError, UnsupportedCodecError

POLL_MS: Final = 200
SUSPECT_READS_MAX: Final = 20_000
"""The number of records of a partition that are read one by one after a failure: more than one fetch contains."""
EMPTY_READS_MAX: Final = 5
FAILURES_MAX: Final = 20
"""After this many failures without a record between them it is the driver that is broken, not a record."""
_OF_RECORDS: Final = (CorruptRecordException, UnsupportedCodecError, RecordTooLargeError)

_log = logging.getLogger(__name__)
Batches = dict[TopicPartition, "list[ConsumerRecord[bytes, bytes]]"]


class RecordReader:
    """Reads batches of records.

    The driver raises the error of an unreadable record (an unknown codec, a wrong checksum, a header name that is not UTF-8) without saying
    which one it is, raises it again at every attempt, and loses what it had read before it in the same call. So after such an error this
    reader goes back to where it was, and reads one record at a time, one partition after the other. Where the error appears again it skips
    1, 2, 4 ... records until it can read on: at most as many good ones as the unreadable batch has, whose commands are redriven.
    """

    def __init__(self, consumer: AIOKafkaConsumer, limit: int) -> None:
        self._consumer = consumer
        self._limit = limit
        self._next: dict[TopicPartition, int] = {}  # the offset after the last record that was returned
        self._suspects: deque[TopicPartition] = deque()
        self._reads = 0  # of the first suspect
        self._empty_reads = 0
        self._failures = 0
        self._skipped = 0  # of the first suspect, in its last skip

    def forget(self) -> None:
        """Forgets the partitions, which may belong to another member now. A rebalance calls it, also while `read` waits for the driver.

        A partition that comes back is read from its last commit.
        """
        self._next.clear()
        self._suspects.clear()

    async def read(self) -> Batches:
        """The next records, possibly none. Raises the driver's error if it is not the error of a record."""
        suspect = self._suspects[0] if self._suspects else None
        try:
            if suspect is None:
                batches: Batches = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=self._limit)
            else:
                batches = await self._consumer.getmany(suspect, timeout_ms=POLL_MS, max_records=1)
        except Exception as error:
            self._failures += 1
            if not _is_of_a_record(error) or self._failures > FAILURES_MAX or not self._consumer.assignment():
                raise
            if suspect is None:
                await self._go_back(error)
            elif suspect in self._suspects:
                await self._skip(suspect, error)
            return {}
        for partition, records in batches.items():
            self._next[partition] = records[-1].offset + 1
        if batches:
            self._failures = self._skipped = 0
        if suspect in self._suspects and await self._is_cleared(suspect, is_empty=not batches):
            self._reads = self._empty_reads = self._skipped = 0
            if self._suspects:
                self._suspects.popleft()
        return batches

    async def _is_cleared(self, suspect: TopicPartition, *, is_empty: bool) -> bool:
        """Returns whether a suspect is read to its end, or far enough to have passed what could not be read."""
        self._reads += 1
        self._empty_reads = self._empty_reads + 1 if is_empty else 0
        if not is_empty:
            return self._reads >= SUSPECT_READS_MAX
        highwater: int | None = self._consumer.highwater(suspect)
        is_at_end = highwater is not None and await self._consumer.position(suspect) >= highwater
        return is_at_end or self._empty_reads >= EMPTY_READS_MAX

    async def _go_back(self, error: Exception) -> None:
        """Goes back, in all partitions, to the record after the last one that was returned."""
        _log.warning("kafka: a record cannot be read, reading one by one until it is found: %r", error)
        self._reads = self._empty_reads = self._skipped = 0
        self._suspects.extend(sorted(self._consumer.assignment()))
        for partition in tuple(self._suspects):
            offset = self._next.get(partition) or await self._consumer.committed(partition)
            if not self._suspects:  # forgotten meanwhile
                return
            if offset is None:
                await self._consumer.seek_to_beginning(partition)
            else:
                self._consumer.seek(partition, offset)

    async def _skip(self, partition: TopicPartition, error: Exception) -> None:
        """Skips twice as many records as the last time, but none that do not exist yet."""
        begin: int = await self._consumer.position(partition)
        if partition not in self._suspects:  # forgotten meanwhile
            return
        self._skipped = self._skipped * 2 or 1
        end = min(begin + self._skipped, self._consumer.highwater(partition) or begin + 1)
        _log.error(
            "kafka: skipped records %s to %s of %s, partition %s, which cannot be read; their commands are redriven: %r",
            begin, end - 1, partition.topic, partition.partition, error,
        )  # fmt: skip
        self._consumer.seek(partition, max(end, begin + 1))


def _is_of_a_record(error: Exception) -> bool:
    """Returns whether a record may be the cause. The driver raises errors that are not its own while it reads a record."""
    return isinstance(error, _OF_RECORDS) or not isinstance(error, (KafkaError, OSError, TimeoutError))
