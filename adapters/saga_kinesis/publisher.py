"""Batches of messages become records: within what a request may hold, and again for those that were not taken."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from typing import Final

from saga.errors import InputRefused, NotFound, Unavailable
from saga.ports.bus import Message
from saga_kinesis.backoff import Backoff, Complaint
from saga_kinesis.client import Client, StreamRecord
from saga_kinesis.readers.lease_table import LeaseTable
from saga_kinesis.record_format import pack, partition_key
from saga_kinesis.streams import make

BODY_BYTES_MAX: Final = 1024 * 1024
RECORD_BYTES_MAX: Final = 1024 * 1024  # data and partition key together
REQUEST_RECORDS_MAX: Final = 500
REQUEST_BYTES_MAX: Final = 4 * 1024 * 1024  # Kinesis takes 5 MiB
RETRY_SECONDS: Final = (0.05, 2.0)

_log = logging.getLogger(__name__)
_throttled = Complaint()


class Publisher:
    """Puts messages on their streams. A record may be written twice, and order is lost where a part of a batch is sent again."""

    def __init__(self, api: Client, table: LeaseTable) -> None:
        self._api = api
        self._table = table

    async def publish(self, messages: Sequence[Message]) -> None:
        """See `saga.ports.bus.Bus.publish`. Raises also InputRefused, and then nothing was published; NotFound: no such stream."""
        packed = [(message, _packed(message)) for message in messages]
        streams: dict[str, list[StreamRecord]] = {}
        for message, data in packed:
            if len(data) + len(partition_key(message)) > RECORD_BYTES_MAX:
                number = await self._table.put_parcel(message.body, self._api.options.retention_seconds)
                data = pack(message, parcel=number)  # noqa: PLW2901
            streams.setdefault(message.topic, []).append(StreamRecord(data, partition_key(message)))
        sent = [self._send(self._api.options.prefix + topic, records) for topic, records in streams.items()]
        failures = [failure for failure in await asyncio.gather(*sent, return_exceptions=True) if failure is not None]
        if failures:
            raise failures[0]

    async def _send(self, stream: str, records: Sequence[StreamRecord]) -> None:
        """Returns when the stream has all of them."""
        give_up_at = time.monotonic() + self._api.options.publish_timeout_seconds
        for request in _requests(records):
            await self._put(stream, request, give_up_at)

    async def _put(self, stream: str, records: Sequence[StreamRecord], give_up_at: float) -> None:
        """One request, and again for what was not taken, until all of it was or time is up."""
        backoff, left = Backoff(*RETRY_SECONDS), records
        why: object = None
        while True:
            try:
                async with asyncio.timeout_at(asyncio.get_running_loop().time() + give_up_at - time.monotonic()):
                    answers = await self._api.put(stream, left)
                refused = [record for record, reason in zip(left, answers, strict=True) if reason is not None]
                why = next((reason for reason in answers if reason is not None), None)
            except NotFound:
                if not self._api.options.create:
                    raise
                await make(self._api, stream)
                continue
            except Unavailable as error:
                refused, why = list(left), error
            except TimeoutError:  # in the middle of the last try: what was said before says more
                refused, why = list(left), why or "no answer in time"
            if not refused:
                return
            if len(refused) < len(left):
                backoff.reset()
            left = refused
            if count := _throttled.due():
                _log.warning("%s did not take %s records (%s times): %s", stream, len(left), count, why)
            pause = backoff.seconds()
            if time.monotonic() + pause >= give_up_at:
                raise Unavailable(
                    f"{self._api.options.place}: {len(left)} of {len(records)} records for {stream}: {why}"
                )
            await asyncio.sleep(pause)


def _packed(message: Message) -> bytes:
    if len(message.body) > BODY_BYTES_MAX:
        raise InputRefused(f"a message of {len(message.body)} bytes for {message.topic}: the limit is {BODY_BYTES_MAX}")
    return pack(message)


def _requests(records: Sequence[StreamRecord]) -> Iterator[list[StreamRecord]]:
    """Records in portions that a request may hold."""
    portion, size = list[StreamRecord](), 0
    for record in records:
        bytes_ = len(record.data) + len(record.partition_key)
        if portion and (len(portion) == REQUEST_RECORDS_MAX or size + bytes_ > REQUEST_BYTES_MAX):
            yield portion
            portion, size = [], 0
        portion.append(record)
        size += bytes_
    if portion:
        yield portion
