"""Watching a saga: its history line by line, and what it is now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

from saga.api.limits import Limits
from saga.api.live.place import Place
from saga.api.live.watcher import STREAMS_MAX, Moment, Watcher
from saga.api.problems import TOO_MANY, Problem
from saga.core.definition.json_value import Json

QUIET_SECONDS: Final = 15.0
"""After this long without an event it is checked that the client is still there and may still look."""
STREAM_SECONDS_MAX: Final = 1800.0
"""A stream is closed after this time; the client connects again and goes on from its last event."""


class Event(NamedTuple):
    """`name`: history, a line; saga, the saga without payloads; end, after which nothing more happens; reset, if history behind the
    client's place was deleted: it comes again from its beginning. None: nothing has happened for a while.

    `place`: the place of a client that has received the event, where that is another one. `text`: the document as JSON, where it is the
    same for all clients.
    """

    name: str | None
    document: Json = None
    place: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Streams:
    """The streams of a process, for one more of a sender."""

    watcher: Watcher
    limits: Limits
    sender: str | None

    def check(self) -> None:
        """Raises Problem if this process serves as many streams as it can, or as many of this sender as it may have."""
        self.limits.check_streams(self.sender)
        if self.watcher.streams >= STREAMS_MAX:
            raise Problem(TOO_MANY, f"this process serves {STREAMS_MAX} streams already")


async def events(
    streams: Streams, saga: UUID, place: Place, check: Callable[[], Awaitable[object]], known: Moment | None = None
) -> AsyncGenerator[Event]:
    """Yields what happens behind a place, until the saga ends or the time is up. `known`: see `Watcher.watching`.

    `check` raises Problem if the client has lost its right to look: it is called before each event. Raises NotFound, Unavailable.
    """
    with streams.limits.streaming(streams.sender):
        async with streams.watcher.watching(saga, known) as (moment, news):
            if place.is_dropped(moment.lines):
                place = Place()
                yield Event("reset", {"saga": str(saga)})
            async for found in _moments(moment, news, check):
                for event in () if found is None else _events(found, place):
                    yield event
                if found is None:
                    yield Event(None)


async def _moments(
    first: Moment, news: asyncio.Queue[Moment | None], check: Callable[[], Awaitable[object]]
) -> AsyncIterator[Moment | None]:
    """The moments of a saga, until it ends, nothing more comes or the time is up. None: nothing has happened for a while."""
    clock = asyncio.get_running_loop().time
    until = clock() + STREAM_SECONDS_MAX
    found: Moment | None = first
    while clock() < until:
        await check()
        yield found
        if found is not None and found.is_over:
            return
        try:
            async with asyncio.timeout(QUIET_SECONDS):
                found = await news.get()
        except TimeoutError:
            found = None
            continue
        if found is None:
            return


def _events(moment: Moment, place: Place) -> Iterator[Event]:
    """The events that a client lacks."""
    for position in place.missing(moment.lines):
        place.add(moment.lines[position])
        yield Event("history", moment.history[position], str(place), moment.history_text(position))
    yield Event("saga", moment.document, text=moment.text)
    if moment.is_over:
        yield Event("end", {"saga": moment.document["saga"], "phase": moment.document["phase"]})
