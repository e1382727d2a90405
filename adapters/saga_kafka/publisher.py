"""Publishes hand-made batches through an idempotent producer, which is replaced after a fatal error."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, ProducerClosed
from aiokafka.producer.message_accumulator import BatchBuilder

from saga.errors import Closed, Unavailable
from saga.ports.bus import Message
from saga_kafka.failures import TOO_LARGE, translated, translation
from saga_kafka.options import Options

PUBLISH_SECONDS: Final = 10.0
STOP_SECONDS: Final = 3.0
BATCH_BYTES_MAX: Final = 128 * 1024  # of a batch of several messages; a larger message travels alone
CHUNK_MESSAGES: Final = 100  # go to one partition together; more are spread over several
AVOID_SECONDS: Final = 30.0  # how long to avoid a partition that did not acknowledge in time
ATTEMPTS: Final = 2

_log = logging.getLogger(__name__)


class Publisher:
    """Publishes batches of messages, each under its full topic name.

    The driver's send() costs 10 us a message, a hand-made batch 2 us. Partitions are drawn at random, one for each chunk of messages:
    what is published together stays together for broker and reader. Partitions without a leader, or without a recent
    acknowledgement, are not drawn, so that a dead partition does not delay the others. An idempotent send never expires: a batch
    may still arrive after its publish timed out, at most two batches for each partition.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._producer: AIOKafkaProducer | None = None
        self._opening = asyncio.Lock()
        self._avoided_until: dict[TopicPartition, float] = {}  # on the monotonic clock
        self._retiring: set[asyncio.Task[None]] = set()
        self._is_closed = False

    async def publish(self, messages: Sequence[Message]) -> None:
        """Returns when the brokers have every message. Raises Unavailable, InputRefused, AccessRefused, NotFound."""
        for attempt in range(1, ATTEMPTS + 1):
            failure = await self._attempt(messages)
            if failure is None:
                return
            if isinstance(failure, TOO_LARGE) or attempt == ATTEMPTS:
                raise translation(failure, self._options.place) from failure
            _log.warning("kafka: replacing the producer and sending the batch again: %r", failure)

    async def close(self) -> None:
        self._is_closed = True
        self._retire()
        if self._retiring:
            await asyncio.wait(self._retiring)

    async def _attempt(self, messages: Sequence[Message]) -> BaseException | None:
        """Returns the error if it ended the producer: a failed batch leaves a gap in the sequence numbers of its partition."""
        try:
            with translated(self._options.place):
                async with asyncio.timeout(PUBLISH_SECONDS):
                    producer = await self._opened()
                    batches = await self._batches(producer, messages)
        except Unavailable as error:
            cause = error.__cause__
            if cause is None or not isinstance(cause, ProducerClosed):
                raise
            self._retire()
            return cause
        sending = [asyncio.create_task(self._send(producer, *entry)) for entry in batches.items()]
        try:
            done, late = await asyncio.wait(sending, timeout=PUBLISH_SECONDS)
        except asyncio.CancelledError:
            for task in sending:
                task.cancel()
            raise
        failures = [task.exception() for task in done]
        for task in late:
            task.cancel()
        failure = next((failure for failure in failures if failure is not None), None)
        if failure is not None:
            if self._producer is producer:
                self._retire()
            return failure
        if late:
            await asyncio.wait(late)
            raise Unavailable(
                f"{self._options.place}: {len(late)} of {len(sending)} batches not acknowledged in {PUBLISH_SECONDS:.0f} s"
            )
        return None

    async def _batches(
        self, producer: AIOKafkaProducer, messages: Sequence[Message]
    ) -> dict[TopicPartition, list[BatchBuilder]]:
        by_topic: defaultdict[str, list[Message]] = defaultdict(list)
        for message in messages:
            by_topic[message.topic].append(message)
        spread: defaultdict[TopicPartition, list[Message]] = defaultdict(list)
        for topic, group in by_topic.items():
            numbers = await producer.partitions_for(topic)
            partitions = [TopicPartition(topic, number) for number in _with_leader(producer, topic) or numbers]
            for start in range(0, len(group), CHUNK_MESSAGES):
                spread[self._draw(partitions)] += group[start : start + CHUNK_MESSAGES]
        return {partition: _packed(producer, chunk) for partition, chunk in spread.items()}

    def _draw(self, partitions: Sequence[TopicPartition]) -> TopicPartition:
        now = time.monotonic()
        prompt = [partition for partition in partitions if self._avoided_until.get(partition, now) <= now]
        return random.choice(prompt or partitions)  # noqa: S311 (spreads chunks)

    async def _send(self, producer: AIOKafkaProducer, partition: TopicPartition, batches: list[BatchBuilder]) -> None:
        waiting: list[asyncio.Future[Any]] = []
        try:
            for batch in batches:
                future = await producer.send_batch(batch, partition.topic, partition=partition.partition)
                future.add_done_callback(_retrieve_exception)
                waiting.append(future)
            await asyncio.wait(waiting)
        except asyncio.CancelledError:
            self._avoided_until[partition] = time.monotonic() + AVOID_SECONDS
            raise
        for future in waiting:
            future.result()
        self._avoided_until.pop(partition, None)

    async def _opened(self) -> AIOKafkaProducer:
        async with self._opening:
            if self._is_closed:
                raise Closed("this bus was closed")
            if self._producer is None:
                producer = AIOKafkaProducer(
                    **self._options.client(),
                    enable_idempotence=True,  # includes acks=all; the driver's retries write no duplicates
                    linger_ms=0,
                    max_batch_size=BATCH_BYTES_MAX,
                )
                try:
                    await producer.start()
                except BaseException:
                    await _stop(producer)
                    raise
                self._producer = producer
            return self._producer

    def _retire(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            task = asyncio.create_task(_stop(producer))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)


def _with_leader(producer: AIOKafkaProducer, topic: str) -> set[int]:
    """The partitions with a leader, as far as the driver knows."""
    numbers: set[int] | None = producer.client.cluster.available_partitions_for_topic(topic)
    return numbers or set()


def _packed(producer: AIOKafkaProducer, messages: list[Message]) -> list[BatchBuilder]:
    batch = producer.create_batch()
    batches = [batch]
    for message in messages:
        headers = [(name, value.encode()) for name, value in message.headers.items()]
        if batch.append(timestamp=None, key=message.key, value=message.body, headers=headers) is None:
            batch = producer.create_batch()
            batches.append(batch)
            batch.append(timestamp=None, key=message.key, value=message.body, headers=headers)
    return batches


def _retrieve_exception(done: asyncio.Future[Any]) -> None:
    """Marks the exception as retrieved, even if nobody awaits the future any more."""
    if not done.cancelled():
        done.exception()


async def _stop(producer: AIOKafkaProducer) -> None:
    """Flushes and closes; while the brokers are away, drops what is unsent, for which the driver has no call."""
    stopping = asyncio.create_task(producer.stop())
    await asyncio.wait([stopping], timeout=STOP_SECONDS)
    if not stopping.done():
        producer._message_accumulator.fail_all(ProducerClosed())  # noqa: SLF001
        await producer.client.close()
        await asyncio.wait([stopping], timeout=STOP_SECONDS)
    if stopping.done() and (error := stopping.exception()) is not None and not isinstance(error, KafkaError):
        raise error
    if not stopping.done():
        stopping.cancel()
        await asyncio.wait([stopping])
