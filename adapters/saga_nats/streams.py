"""Streams, one for each topic, and their consumers, one for each group: they are created with explicit settings, and never changed."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

from saga.errors import NotFound, Unavailable
from saga_nats.failures import Answer
from saga_nats.link import Links
from saga_nats.message_format import stream_of
from saga_nats.options import Options

NANOSECONDS: Final = 1_000_000
"""The number in a millisecond: durations in the settings of JetStream are in nanoseconds."""
DUPLICATE_WINDOW_MS: Final = 30_000
"""For how long a stream remembers the ids of messages; longer than a publisher tries again."""
DELIVERIES_MAX: Final = 20
"""The number of deliveries of a message that nobody acknowledges; then it is left to the redrive of the store."""
UNACKNOWLEDGED_MAX: Final = 50_000
"""The number of deliveries, to all members of a group, at which the server delivers nothing more."""
PULLS_MAX: Final = 4_096
"""The number of open pull requests of all members of a group."""
READY_SECONDS: Final = 10.0
READY_POLL_SECONDS: Final = 0.1


class Streams:
    """The streams and consumers of a bus."""

    def __init__(self, links: Links) -> None:
        self._links = links

    async def info(self, subject: str) -> Answer:
        """Settings and state of the stream of a subject. Raises NotFound, AccessRefused, Unavailable."""
        link = await self._links.opened()
        return await link.ask(f"STREAM.INFO.{stream_of(subject)}")

    async def missing(self, subjects: Collection[str]) -> list[str]:
        """Those of the subjects without a stream."""
        found = []
        for subject in dict.fromkeys(subjects):
            try:
                await self.info(subject)
            except NotFound:
                found.append(subject)
        return found

    async def check(self, subjects: Collection[str]) -> None:
        """Raises NotFound if the stream of a subject is missing; with create=1 in the URL, creates it instead."""
        missing = await self.missing(subjects)
        if missing and self._links.options.create:
            await self.create(missing)
        elif missing:
            names = ", ".join(map(stream_of, missing))
            raise NotFound(
                f"{self._links.options.place} has no stream {names}: run `saga bus ensure`, "
                "or write ?create=1 in the URL of a development bus"
            )

    async def create(self, subjects: Collection[str]) -> None:
        """Creates streams with the settings of the URL. A stream that another process creates meanwhile is not an error."""
        link = await self._links.opened()
        for subject in subjects:
            settings = stream_settings(self._links.options, subject)
            answer = await link.ask(f"STREAM.CREATE.{settings['name']}", settings)
            await self._ready(subject, answer)

    async def ensure_group(self, subject: str, group: str) -> None:
        """Creates the consumer of a group unless it exists. Its first message is the oldest of the stream."""
        link, stream = await self._links.opened(), stream_of(subject)
        try:
            await link.ask(f"CONSUMER.INFO.{stream}.{group}")
        except NotFound:
            settings = consumer_settings(self._links.options, group)
            request = {"stream_name": stream, "config": settings}
            await link.ask(f"CONSUMER.DURABLE.CREATE.{stream}.{group}", request)

    async def _ready(self, subject: str, answer: Answer) -> None:
        """Waits until the servers of a new stream have elected its leader."""
        try:
            async with asyncio.timeout(READY_SECONDS):
                while not has_leader(answer):
                    await asyncio.sleep(READY_POLL_SECONDS)
                    answer = await self.info(subject)
        except TimeoutError:
            raise Unavailable(
                f"{self._links.options.place}: the new stream {stream_of(subject)} has no leader yet"
            ) from None


def has_leader(info: Answer) -> bool:
    """Tells whether a stream can be written: on a single server always, in a cluster if its servers have elected a leader."""
    return "cluster" not in info or bool(info["cluster"].get("leader"))


def stream_settings(options: Options, subject: str) -> Answer:
    """The settings of a new stream. A full stream refuses messages: it must not drop what nobody has read."""
    return {
        "name": stream_of(subject),
        "subjects": [subject],
        "retention": "limits",
        "discard": "new",
        "storage": "file",
        "num_replicas": options.replication,
        "max_age": options.retention_ms * NANOSECONDS,
        "max_bytes": options.max_bytes or -1,
        "max_msgs": -1,
        "max_msg_size": -1,
        "max_consumers": -1,
        "allow_atomic": True,
        "duplicate_window": min(DUPLICATE_WINDOW_MS, options.retention_ms) * NANOSECONDS,
    }


def consumer_settings(options: Options, group: str) -> Answer:
    """The settings of a new consumer, which the members of a group share."""
    return {
        "durable_name": group,
        "ack_policy": "explicit",
        "deliver_policy": "all",
        "replay_policy": "instant",
        "ack_wait": options.ack_wait_ms * NANOSECONDS,
        "max_deliver": DELIVERIES_MAX,
        "max_ack_pending": UNACKNOWLEDGED_MAX,
        "max_waiting": PULLS_MAX,
    }
