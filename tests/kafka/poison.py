"""Writes what a participant of Saga cannot use to topics of Kafka: compressed batches of strangers, and records that no driver reads."""

from __future__ import annotations

from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c

CRC_AT: Final = 17
CRC_FROM: Final = 21
NAME: Final = b"plain-name"
CODECS: Final = ("gzip", "snappy", "lz4", "zstd")


async def write_unreadable(servers: str) -> None:
    """Writes to each partition of each topic: one message in each codec, and a batch that the driver cannot read."""
    for codec in CODECS:
        producer = AIOKafkaProducer(bootstrap_servers=servers.split(","), compression_type=codec)
        await producer.start()
        try:
            for topic in await producer.client.fetch_all_metadata() and producer.client.cluster.topics():
                for partition in producer.client.cluster.partitions_for_topic(topic):
                    await producer.send_and_wait(topic, b"x" * 2_000, partition=partition)
                    if codec == CODECS[-1]:
                        await write_broken_names(producer, topic, partition)
        finally:
            await producer.stop()


async def write_broken_names(producer: AIOKafkaProducer, topic: str, partition: int) -> None:
    """Writes a batch of three records whose header names are not UTF-8: brokers accept it, and the driver fails."""
    batch = producer.create_batch()
    for _ in range(3):
        batch.append(timestamp=None, key=b"k", value=b"poison", headers=[(NAME.decode(), b"")])
    batch.close()
    data = bytearray(bytes(batch._build()).replace(NAME, b"\xff" * len(NAME)))
    data[CRC_AT:CRC_FROM] = calc_crc32c(bytes(data[CRC_FROM:])).to_bytes(4)
    batch._buffer = data
    await (await producer.send_batch(batch, topic, partition=partition))
