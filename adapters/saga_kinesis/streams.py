"""Streams are made on request, with explicit settings, and never by the way."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from saga.errors import AlreadyExists, NotFound, Unavailable
from saga_kinesis.backoff import Backoff
from saga_kinesis.client import Client, Stream
from saga_kinesis.failures import Throttled

ACTIVE_TIMEOUT_SECONDS: Final = 90.0  # AWS takes up to a minute
ASK_SECONDS: Final = (0.05, 2.0)
DAY_HOURS: Final = 24


async def make(api: Client, name: str) -> Stream:
    """The stream with the shards and the retention of the URL, made if it is missing, and ready for use.

    Of a stream that is there already nothing is changed.

    Raises:
        Unavailable: it is not ready after a minute and a half.
    """
    options = api.options
    try:
        await api.create(name, options.shards)
    except AlreadyExists:
        return await ready(api, name)
    stream = await ready(api, name)
    hours = round(options.retention_seconds / 3600)
    if hours > DAY_HOURS:
        await api.keep_for(name, hours)
        stream = await ready(api, name)
    return stream


async def ready(api: Client, name: str) -> Stream:
    """Wait until a stream can be used. Raises NotFound, Unavailable."""
    give_up_at, backoff = time.monotonic() + ACTIVE_TIMEOUT_SECONDS, Backoff(*ASK_SECONDS)
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
