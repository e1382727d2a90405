"""Topics, and the committed offsets of groups, through the driver's admin client."""

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

Response = TypeVar("Response")

TIMEOUT_SECONDS: Final = 15.0
RETRY_SECONDS: Final = 0.2
MESSAGE_BYTES_MAX: Final = 2 * 1024 * 1024  # a body of 1 MiB with its key, its headers and the overhead of its batch


class Topics:
    """The topics of a cluster. Connects on first use."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._admin: AIOKafkaAdminClient | None = None
        self._known: set[str] = set()
        self._opening = asyncio.Lock()

    async def check(self, names: Collection[str]) -> None:
        """Raises NotFound if one of these topics is missing; with create=1 in the URL, creates it instead.

        Lists all topics: a broker with auto.create.topics.enable creates each topic that a request names.
        """
        if self._known.issuperset(names):
            return
        missing = await self.missing(names)
        if missing and self._options.create:
            await self.create(missing)
        elif missing:
            raise NotFound(
                f"{self._options.place} has no topic {', '.join(missing)}: run `saga bus ensure`, "
                "or write ?create=1 in the URL of a development bus"
            )
        self._known.update(names)

    def forget(self) -> None:
        """Makes the next check ask the cluster again: a topic may have been deleted."""
        self._known.clear()

    async def missing(self, names: Collection[str]) -> list[str]:
        """Those of the topics that do not exist."""
        with translated(self._options.place):
            async with asyncio.timeout(TIMEOUT_SECONDS):
                existing = set(await self.call(lambda admin: admin.list_topics()))
        return [name for name in names if name not in existing]

    async def create(self, names: Sequence[str]) -> None:
        """Creates topics with the settings of the URL. A topic that another process creates meanwhile is not an error."""
        options = self._options
        wanted = [
            NewTopic(name, options.partitions, options.replication, topic_configs=self.settings()) for name in names
        ]
        with translated(options.place):
            async with asyncio.timeout(TIMEOUT_SECONDS):
                response = await self.call(lambda admin: admin.create_topics(wanted))
                for _, code, *reason in response.topic_errors:
                    kind = for_code(code)
                    if code and kind is not TopicAlreadyExistsError:
                        raise kind(*reason)
                while await self.missing(names):  # noqa: ASYNC110 - the other brokers learn of it a little later
                    await asyncio.sleep(RETRY_SECONDS)

    def settings(self) -> dict[str, str]:
        """The settings of a new topic, explicit, whatever the defaults of the cluster are."""
        return {
            "cleanup.policy": "delete",
            "compression.type": "producer",  # a broker's own default may be a codec that an older member lacks
            "retention.ms": str(self._options.retention_ms),
            "min.insync.replicas": str(self._options.min_insync),
            "unclean.leader.election.enable": "false",
            "max.message.bytes": str(MESSAGE_BYTES_MAX),
        }

    async def committed(
        self, group: str, partitions: Collection[TopicPartition]
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        """The committed offsets of a group. Raises KafkaError."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            try:
                response: dict[TopicPartition, OffsetAndMetadata] = await self.call(
                    lambda admin: admin.list_consumer_group_offsets(group, partitions=list(partitions))
                )
            except AttributeError as error:  # the driver's reaction to an error of one partition
                raise KafkaError("cannot read the committed offsets of the group") from error
        return response

    async def close(self) -> None:
        admin, self._admin = self._admin, None
        if admin is not None:
            await admin.close()

    async def call(self, request: Callable[[AIOKafkaAdminClient], Awaitable[Response]]) -> Response:
        """Calls the cluster. Retries until the caller's timeout while a broker is away or not responsible. Raises KafkaError."""
        admin = await self._opened()
        while True:
            try:
                return await request(admin)
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
                    await self._raise_reason()
                    raise
                except BaseException:
                    await admin.close()
                    raise
                self._admin = admin
            return self._admin

    async def _raise_reason(self) -> None:
        """Connects once more to raise the reason: a wrong password, a certificate. The driver says only that it failed."""
        arguments = self._options.client()
        for name in ("bootstrap_servers", "metadata_max_age_ms"):
            del arguments[name]
        for server in self._options.servers:
            host, _, port = server.rpartition(":")
            connection = await create_conn(host.strip("[]"), int(port), **arguments)
            connection.close()
