"""The calls of Kinesis that we make, and their failures: no type of botocore leaves this file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import aioboto3
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from aiohttp import ClientError as TransportError
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.exceptions import ConnectionError as ConnectingError

from saga.errors import AccessRefused, AlreadyExists, Closed, InputRefused, NotFound, Unavailable, UsageError
from saga_kinesis.options import Options

CONNECT_TIMEOUT_SECONDS: Final = 3.0
CONNECTIONS_MAX: Final = 64
LIST_SHARDS_MAX: Final = 1_000

_THROTTLED: Final = {
    "ProvisionedThroughputExceededException",
    "LimitExceededException",
    "KMSThrottlingException",
    "ThrottlingException",
    "Throttling",
    "RequestLimitExceeded",
}
_REFUSED: Final = {
    "AccessDeniedException",
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "ExpiredTokenException",
    "MissingAuthenticationTokenException",
    "OptInRequired",
    "KMSAccessDeniedException",
}
_INVALID: Final = {"InvalidArgumentException", "ValidationException", "SerializationException"}


class Throttled(Unavailable):
    """Kinesis asks for a slower pace."""


class IteratorExpired(Unavailable):
    """A place in a shard that was not used for five minutes has to be asked for again."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of a stream. `parents` are those that it was split off or merged from."""

    id: str
    parents: tuple[str, ...]
    first_hash: int
    last_hash: int
    is_open: bool


@dataclass(frozen=True, slots=True)
class Stream:
    """What Kinesis says of a stream. `incarnation` is when it was made, in milliseconds."""

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
    """What to write: the data, and the key that chooses the shard."""

    data: bytes
    partition_key: str


@dataclass(frozen=True, slots=True)
class RecordPage:
    """An answer of GetRecords. `iterator` is None at the end of a closed shard."""

    records: Sequence[tuple[int, bytes]]
    iterator: str | None
    behind_ms: int


class Client:
    """A lazily connected client of one region. Its own retries are off: who calls knows what may be repeated."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._stack = AsyncExitStack()
        self._client: Any = None
        self._opening = asyncio.Lock()
        self._is_closed = False

    async def describe(self, stream: str) -> Stream:
        """Raises NotFound, Unavailable, AccessRefused; so may every method here."""
        client = await self._opened()
        with self._translated(stream):
            said = (await client.describe_stream_summary(StreamName=stream))["StreamDescriptionSummary"]
        return Stream(
            name=stream,
            status=said["StreamStatus"],
            incarnation=round(said["StreamCreationTimestamp"] * 1000),
            retention_hours=said["RetentionPeriodHours"],
            encryption=said.get("EncryptionType", "NONE"),
            open_shards=said["OpenShardCount"],
            is_on_demand=said.get("StreamModeDetails", {}).get("StreamMode") == "ON_DEMAND",
        )

    async def shards(self, stream: str) -> list[Shard]:
        """All that Kinesis remembers, closed ones too."""
        client = await self._opened()
        found: list[Shard] = []
        asked: dict[str, object] = {"StreamName": stream, "MaxResults": LIST_SHARDS_MAX}
        while True:
            with self._translated(stream):
                said = await client.list_shards(**asked)
            found += [_shard(one) for one in said["Shards"]]
            if not said.get("NextToken"):
                return found
            asked = {"NextToken": said["NextToken"], "MaxResults": LIST_SHARDS_MAX}

    async def create(self, stream: str, shards: int) -> None:
        """Raises also AlreadyExists."""
        client = await self._opened()
        with self._translated(stream):
            await client.create_stream(StreamName=stream, ShardCount=shards)

    async def keep_for(self, stream: str, hours: int) -> None:
        """Keep records longer than the day that a new stream keeps them."""
        client = await self._opened()
        with self._translated(stream):
            await client.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=hours)

    async def put(self, stream: str, records: Sequence[StreamRecord]) -> list[str | None]:
        """Why each record was not taken; None for those that were."""
        client = await self._opened()
        entries = [{"Data": record.data, "PartitionKey": record.partition_key} for record in records]
        with self._translated(stream):
            said = await client.put_records(StreamName=stream, Records=entries)
        return [answer.get("ErrorCode") for answer in said["Records"]]

    async def iterator(self, stream: str, shard: str, after: int | None) -> str:
        """The place behind a sequence number, or the oldest record that is kept."""
        client = await self._opened()
        where: dict[str, str] = {"ShardIteratorType": "TRIM_HORIZON"}
        if after is not None:
            where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": str(after)}
        with self._translated(stream):
            said = await client.get_shard_iterator(StreamName=stream, ShardId=shard, **where)
        return str(said["ShardIterator"])

    async def read(self, stream: str, iterator: str, limit: int) -> RecordPage:
        """Raises also IteratorExpired."""
        client = await self._opened()
        with self._translated(stream):
            said = await client.get_records(ShardIterator=iterator, Limit=limit)
        records = [(int(record["SequenceNumber"]), record["Data"]) for record in said["Records"]]
        return RecordPage(records, said.get("NextShardIterator"), said.get("MillisBehindLatest", 0))

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
                with self._translated(""):
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

    @contextmanager
    def _translated(self, stream: str) -> Iterator[None]:
        place = self.options.place
        try:
            yield
        except ClientError as error:
            raise _answered(error, place, stream) from error
        except (NoCredentialsError, PartialCredentialsError, ProfileNotFound) as error:
            raise AccessRefused(
                f"{place}: {error}. Give the process a role or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile="
            ) from error
        except (ConnectingError, HTTPClientError, TransportError, OSError, TimeoutError) as error:
            raise Unavailable(
                f"{place} cannot be reached or broke off ({type(error).__name__}): check region and endpoint_url"
            ) from error
        except ParamValidationError as error:
            raise InputRefused(f"{place}, stream {stream}: {error}") from error
        except BotoCoreError as error:
            raise Unavailable(f"{place}: {type(error).__name__}: {error}") from error


@lru_cache(maxsize=8)
def _session(access_key: str | None, secret_key: str | None, profile: str | None) -> Any:
    """Shared, since it reads a quarter of a second's worth of service descriptions from disk."""
    driver = AioSession(profile=profile)
    # every record has the time of its arrival, which nobody here asks for: reading it costs more than the record
    driver.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=float)
    return aioboto3.Session(aws_access_key_id=access_key, aws_secret_access_key=secret_key, botocore_session=driver)


def _answered(error: ClientError, place: str, stream: str) -> Exception:
    """What an error that Kinesis itself sent means to us."""
    said = error.response.get("Error", {})
    code, text = said.get("Code", ""), said.get("Message", "")
    where = f"{place}, stream {stream}: {code}: {text}"[:500]
    if code == "ResourceNotFoundException":
        return NotFound(f"{where}. Make the stream: `saga bus ensure`")
    if code == "ExpiredIteratorException":
        return IteratorExpired(where)
    if code in _THROTTLED:
        return Throttled(where)
    if code == "ResourceInUseException":
        return AlreadyExists(where)
    if code in _REFUSED:
        return AccessRefused(f"{where}. Check the credentials, and that they may use this stream")
    if code in _INVALID:
        return UsageError(where)
    return Unavailable(where)


def _shard(said: dict[str, Any]) -> Shard:
    parents = (said.get("ParentShardId"), said.get("AdjacentParentShardId"))
    return Shard(
        id=said["ShardId"],
        parents=tuple(parent for parent in parents if parent),
        first_hash=int(said["HashKeyRange"]["StartingHashKey"]),
        last_hash=int(said["HashKeyRange"]["EndingHashKey"]),
        is_open="EndingSequenceNumber" not in said["SequenceNumberRange"],
    )
