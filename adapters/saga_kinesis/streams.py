"""Creates streams on request, with explicit settings."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from saga.errors import AlreadyExists, NotFound, Unavailable
from saga_kinesis.backoff import Backoff
from saga_kinesis.client import Client, Stream
from saga_kinesis.failures import Throttled

ACTIVE_TIMEOUT_SECONDS: Final = 90.0  # AWS takes up to a minute
POLL_SECONDS: Final = (0.05, 2.0)
DAY_HOURS: Final = 24


async def create_stream(api: Client, name: str) -> Stream:
    """Creates a stream with the shards and the retention of the URL, and waits until it is usable.

    A stream that exists already is not changed.

    Raises:
        Unavailable: the stream is not usable after ACTIVE_TIMEOUT_SECONDS.
    """
    options = api.options
    try:
        await api.create(name, options.shards)
    except AlreadyExists:
        return await wait_until_usable(api, name)
    stream = await wait_until_usable(api, name)
    retention_hours = round(options.retention_seconds / 3600)
    if retention_hours > DAY_HOURS:
        await api.extend_retention(name, retention_hours)
        stream = await wait_until_usable(api, name)
    return stream


async def wait_until_usable(api: Client, name: str) -> Stream:
    """Waits until a stream is usable. Raises NotFound, Unavailable."""
    give_up_at, backoff = time.monotonic() + ACTIVE_TIMEOUT_SECONDS, Backoff(*POLL_SECONDS)
    while True:
        status = "missing"
        try:
            stream = await api.describe(name)
            if stream.is_usable:
                return stream
            status = stream.status.lower()
        except Throttled:
            status = "unknown"
        except NotFound:
            if time.monotonic() > give_up_at:
                raise
        if time.monotonic() > give_up_at:
            raise Unavailable(
                f"{api.options.place}: stream {name} is still {status} after {ACTIVE_TIMEOUT_SECONDS:.0f} s"
            )
        await asyncio.sleep(backoff.seconds())
