"""Publishes messages as records, split into requests of legal size; retries the records that Kinesis refuses."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from typing import Final

from saga.errors import NotFound, Unavailable
from saga.ports.bus import Message, check_message
from saga_kinesis.backoff import Backoff, LogLimiter
from saga_kinesis.client import Client, StreamRecord
from saga_kinesis.readers.lease_table import LeaseTable
from saga_kinesis.record_format import pack, partition_key
from saga_kinesis.streams import create_stream

RECORD_BYTES_MAX: Final = 1024 * 1024  # data and partition key together
REQUEST_RECORDS_MAX: Final = 500
REQUEST_BYTES_MAX: Final = 4 * 1024 * 1024  # Kinesis accepts 5 MiB
RETRY_SECONDS: Final = (0.05, 2.0)

_log = logging.getLogger(__name__)
_throttled = LogLimiter()


class Publisher:
    """Writes messages to their streams. A record may be written twice; retrying a part of a batch changes its order."""

    def __init__(self, api: Client, table: LeaseTable) -> None:
        self._api = api
        self._table = table

    async def publish(self, messages: Sequence[Message]) -> None:
        """See `saga.ports.bus.Bus.publish`. Raises also NotFound: a stream does not exist."""
        packed = [(message, _packed(message)) for message in messages]
        streams: dict[str, list[StreamRecord]] = {}
        for message, data in packed:
            if len(data) + len(partition_key(message)) > RECORD_BYTES_MAX:
                number = await self._table.put_parcel(message.body, self._api.options.retention_seconds)
                data = pack(message, parcel=number)  # noqa: PLW2901
            streams.setdefault(message.topic, []).append(StreamRecord(data, partition_key(message)))
        sending = [self._send(self._api.options.prefix + topic, records) for topic, records in streams.items()]
        failures = [
            failure for failure in await asyncio.gather(*sending, return_exceptions=True) if failure is not None
        ]
        if failures:
            raise failures[0]

    async def _send(self, stream: str, records: Sequence[StreamRecord]) -> None:
        """Returns when the stream has all records."""
        give_up_at = time.monotonic() + self._api.options.publish_timeout_seconds
        for request in _requests(records):
            await self._put(stream, request, give_up_at)

    async def _put(self, stream: str, records: Sequence[StreamRecord], give_up_at: float) -> None:
        """Sends one request; sends refused records again until none is left or the time is up."""
        backoff, left = Backoff(*RETRY_SECONDS), records
        reason: object = None
        while True:
            try:
                async with asyncio.timeout_at(asyncio.get_running_loop().time() + give_up_at - time.monotonic()):
                    codes = await self._api.put(stream, left)
                refused = [record for record, code in zip(left, codes, strict=True) if code is not None]
                reason = next((code for code in codes if code is not None), None)
            except NotFound:
                if not self._api.options.create:
                    raise
                await create_stream(self._api, stream)
                continue
            except Unavailable as error:
                refused, reason = list(left), error
            except TimeoutError:  # of the last attempt: an earlier reason says more
                refused, reason = list(left), reason or "no answer in time"
            if not refused:
                return
            if len(refused) < len(left):
                backoff.reset()
            left = refused
            if count := _throttled.count():
                _log.warning("%s refuses %s records (%s times): %s", stream, len(left), count, reason)
            pause = backoff.seconds()
            if time.monotonic() + pause >= give_up_at:
                raise Unavailable(
                    f"{self._api.options.place}: {len(left)} of {len(records)} records for {stream}: {reason}"
                )
            await asyncio.sleep(pause)


def _packed(message: Message) -> bytes:
    check_message(message)
    return pack(message)


def _requests(records: Sequence[StreamRecord]) -> Iterator[list[StreamRecord]]:
    """Splits records into requests of legal size."""
    request, size = list[StreamRecord](), 0
    for record in records:
        bytes_ = len(record.data) + len(record.partition_key)
        if request and (len(request) == REQUEST_RECORDS_MAX or size + bytes_ > REQUEST_BYTES_MAX):
            yield request
            request, size = [], 0
        request.append(record)
        size += bytes_
    if request:
        yield request
