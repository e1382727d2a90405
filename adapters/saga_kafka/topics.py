"""Topics and what groups have committed, through the driver's administrator."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final, TypeVar

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.conn import create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAlreadyExistsError, for_code
from aiokafka.structs import OffsetAndMetadata

from saga.errors import NotFound
from saga_kafka.failures import translated
from saga_kafka.options import Options

Answer = TypeVar("Answer")

TIMEOUT_SECONDS: Final = 15.0
RETRY_SECONDS: Final = 0.2
MESSAGE_BYTES_MAX: Final = 2 * 1024 * 1024  # a body of 1 MiB with its key, its headers and the frame of its batch


class Topics:
    """The administrator of a cluster, connected when it is first needed."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._admin: AIOKafkaAdminClient | None = None
        self._known: set[str] = set()
        self._opening = asyncio.Lock()

    async def check(self, names: Collection[str]) -> None:
        """Make sure that these topics exist; with create=1 in the URL by creating them.

        Asking for a topic that is missing would make a broker with auto.create.topics.enable create it, so all are listed.
        """
        if self._known.issuperset(names):
            return
        missing = await self.missing(names)
        if missing and self._options.create:
            await self.create(missing)
        elif missing:
            raise NotFound(
                f"{self._options.place} has no topic {', '.join(missing)}: run `saga bus ensure`, "
                "or say ?create=1 in the URL of a bus for development"
            )
        self._known.update(names)

    def forget(self) -> None:
        """Look again at the next check: a topic may be gone."""
        self._known.clear()

    async def missing(self, names: Collection[str]) -> list[str]:
        with translated(self._options.place):
            async with asyncio.timeout(TIMEOUT_SECONDS):
                there = set(await self.ask(lambda admin: admin.list_topics()))
        return [name for name in names if name not in there]

    async def create(self, names: Sequence[str]) -> None:
        """With the settings of the URL. One that somebody else creates meanwhile is no error."""
        options = self._options
        wanted = [
            NewTopic(name, options.partitions, options.replication, topic_configs=self.settings()) for name in names
        ]
        with translated(options.place):
            async with asyncio.timeout(TIMEOUT_SECONDS):
                answer = await self.ask(lambda admin: admin.create_topics(wanted))
                for _, code, *reason in answer.topic_errors:
                    kind = for_code(code)
                    if code and kind is not TopicAlreadyExistsError:
                        raise kind(*reason)
                while await self.missing(names):  # noqa: ASYNC110 - the other brokers hear of it a little later
                    await asyncio.sleep(RETRY_SECONDS)

    def settings(self) -> dict[str, str]:
        """What a topic of ours is told explicitly, whatever the cluster's defaults are."""
        return {
            "cleanup.policy": "delete",
            "retention.ms": str(self._options.retention_ms),
            "min.insync.replicas": str(self._options.min_insync),
            "unclean.leader.election.enable": "false",
            "max.message.bytes": str(MESSAGE_BYTES_MAX),
        }

    async def committed(
        self, group: str, partitions: Collection[TopicPartition]
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        """The last commits of a group. Raises KafkaError."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            try:
                answer: dict[TopicPartition, OffsetAndMetadata] = await self.ask(
                    lambda admin: admin.list_consumer_group_offsets(group, partitions=list(partitions))
                )
            except AttributeError as error:  # what the driver makes of an error for one partition
                raise KafkaError("cannot read the commits of the group") from error
        return answer

    async def close(self) -> None:
        admin, self._admin = self._admin, None
        if admin is not None:
            await admin.close()

    async def ask(self, question: Callable[[AIOKafkaAdminClient], Awaitable[Answer]]) -> Answer:
        """Ask the cluster, again where a broker was the wrong one or away, until the caller's time is over. Raises KafkaError."""
        admin = await self._opened()
        while True:
            try:
                return await question(admin)
            except KafkaError as error:
                if not (error.retriable or isinstance(error, KafkaConnectionError)):
                    raise
            await asyncio.sleep(RETRY_SECONDS)

    async def _opened(self) -> AIOKafkaAdminClient:
        async with self._opening:
            if self._admin is None:
                admin = AIOKafkaAdminClient(**self._options.client())
                try:
                    await admin.start()
                except KafkaConnectionError:
                    await admin.close()
                    await self._knock()
                    raise
                except BaseException:
                    await admin.close()
                    raise
                self._admin = admin
            return self._admin

    async def _knock(self) -> None:
        """Raise why no broker lets us in: a wrong password, a certificate. Of all that, the driver says only that it failed."""
        arguments = self._options.client()
        for name in ("bootstrap_servers", "metadata_max_age_ms"):
            del arguments[name]
        for server in self._options.servers:
            host, _, port = server.rpartition(":")
            connection = await create_conn(host.strip("[]"), int(port), **arguments)
            connection.close()
