"""The calls of the Kinesis API that the adapter makes. No type of the driver leaves this module."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import aioboto3
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession

from saga.errors import Closed
from saga_kinesis.failures import translated
from saga_kinesis.options import Options

CONNECT_TIMEOUT_SECONDS: Final = 3.0
CONNECTIONS_MAX: Final = 64
LIST_SHARDS_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of a stream. `parents` are the shards that it was split or merged from."""

    id: str
    parents: tuple[str, ...]
    first_hash: int
    last_hash: int
    is_open: bool


@dataclass(frozen=True, slots=True)
class Stream:
    """The description of a stream. `incarnation` is its creation time in milliseconds."""

    name: str
    status: str
    incarnation: int
    retention_hours: int
    encryption: str
    open_shards: int
    is_on_demand: bool

    @property
    def is_usable(self) -> bool:
        return self.status in {"ACTIVE", "UPDATING"}


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """A record to write: its data, and the key that selects the shard."""

    data: bytes
    partition_key: str


@dataclass(frozen=True, slots=True)
class RecordPage:
    """The answer to GetRecords. `iterator` is None at the end of a closed shard."""

    records: Sequence[tuple[int, bytes]]
    iterator: str | None
    behind_ms: int


class Client:
    """A lazily connected client of one region. The driver's retries are off: the caller knows what may be repeated."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._stack = AsyncExitStack()
        self._client: Any = None
        self._opening = asyncio.Lock()
        self._is_closed = False

    async def describe(self, stream: str) -> Stream:
        """Describes a stream. Raises NotFound, Unavailable, AccessRefused, as every method here may."""
        client = await self._opened()
        with translated(self.options.place, stream):
            answer = (await client.describe_stream_summary(StreamName=stream))["StreamDescriptionSummary"]
        return Stream(
            name=stream,
            status=answer["StreamStatus"],
            incarnation=round(answer["StreamCreationTimestamp"] * 1000),
            retention_hours=answer["RetentionPeriodHours"],
            encryption=answer.get("EncryptionType", "NONE"),
            open_shards=answer["OpenShardCount"],
            is_on_demand=answer.get("StreamModeDetails", {}).get("StreamMode") == "ON_DEMAND",
        )

    async def shards(self, stream: str) -> list[Shard]:
        """All shards that Kinesis remembers, including closed ones."""
        client = await self._opened()
        found: list[Shard] = []
        request: dict[str, object] = {"StreamName": stream, "MaxResults": LIST_SHARDS_MAX}
        while True:
            with translated(self.options.place, stream):
                answer = await client.list_shards(**request)
            found += [_shard(description) for description in answer["Shards"]]
            if not answer.get("NextToken"):
                return found
            request = {"NextToken": answer["NextToken"], "MaxResults": LIST_SHARDS_MAX}

    async def create(self, stream: str, shards: int) -> None:
        """Creates a stream. Raises also AlreadyExists."""
        client = await self._opened()
        with translated(self.options.place, stream):
            await client.create_stream(StreamName=stream, ShardCount=shards)

    async def extend_retention(self, stream: str, hours: int) -> None:
        """Extends the retention of a new stream, which is a day."""
        client = await self._opened()
        with translated(self.options.place, stream):
            await client.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=hours)

    async def put(self, stream: str, records: Sequence[StreamRecord]) -> list[str | None]:
        """Writes records. Returns the error code of each record, None for those that were written."""
        client = await self._opened()
        entries = [{"Data": record.data, "PartitionKey": record.partition_key} for record in records]
        with translated(self.options.place, stream):
            answer = await client.put_records(StreamName=stream, Records=entries)
        return [result.get("ErrorCode") for result in answer["Records"]]

    async def iterator(self, stream: str, shard: str, after: int | None) -> str:
        """An iterator behind a sequence number, or at the oldest record of the shard."""
        client = await self._opened()
        position: dict[str, str] = {"ShardIteratorType": "TRIM_HORIZON"}
        if after is not None:
            position = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": str(after)}
        with translated(self.options.place, stream):
            answer = await client.get_shard_iterator(StreamName=stream, ShardId=shard, **position)
        return str(answer["ShardIterator"])

    async def read(self, stream: str, iterator: str, limit: int) -> RecordPage:
        """Reads a page of records. Raises also IteratorExpired."""
        client = await self._opened()
        with translated(self.options.place, stream):
            answer = await client.get_records(ShardIterator=iterator, Limit=limit)
        records = [(int(record["SequenceNumber"]), record["Data"]) for record in answer["Records"]]
        return RecordPage(records, answer.get("NextShardIterator"), answer.get("MillisBehindLatest", 0))

    async def close(self) -> None:
        self._is_closed = True
        async with self._opening:
            self._client = None
            await self._stack.aclose()

    async def _opened(self) -> Any:
        if self._client is not None:
            return self._client
        async with self._opening:
            if self._is_closed:
                raise Closed("this bus was closed")
            if self._client is None:
                with translated(self.options.place, ""):
                    self._client = await self._stack.enter_async_context(self._connected())
        return self._client

    def _connected(self) -> Any:
        options = self.options
        session = _session(options.access_key or None, options.secret_key or None, options.profile or None)
        config = AioConfig(
            connect_timeout=min(CONNECT_TIMEOUT_SECONDS, options.timeout_seconds),
            read_timeout=options.timeout_seconds,
            max_pool_connections=CONNECTIONS_MAX,
            retries={"total_max_attempts": 1},
            tcp_keepalive=True,
            parameter_validation=False,
        )
        return session.client(
            "kinesis",
            region_name=options.region,
            endpoint_url=options.endpoint_url or None,
            verify=options.ca or None,
            config=config,
        )


@lru_cache(maxsize=8)
def _session(access_key: str | None, secret_key: str | None, profile: str | None) -> Any:
    """A session is shared, since loading its service descriptions from disk takes a quarter of a second."""
    driver = AioSession(profile=profile)
    # every record has an arrival time that the adapter does not use, and parsing it costs more than the record
    driver.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=float)
    return aioboto3.Session(aws_access_key_id=access_key, aws_secret_access_key=secret_key, botocore_session=driver)


def _shard(answer: dict[str, Any]) -> Shard:
    parents = (answer.get("ParentShardId"), answer.get("AdjacentParentShardId"))
    return Shard(
        id=answer["ShardId"],
        parents=tuple(parent for parent in parents if parent),
        first_hash=int(answer["HashKeyRange"]["StartingHashKey"]),
        last_hash=int(answer["HashKeyRange"]["EndingHashKey"]),
        is_open="EndingSequenceNumber" not in answer["SequenceNumberRange"],
    )
