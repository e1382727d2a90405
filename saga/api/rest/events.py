"""Server-sent events of one saga: its history line by line, and what it is now."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import Annotated, Final, cast
from uuid import UUID

from fastapi import Header, Request, Response
from fastapi.responses import StreamingResponse

from saga.api.limits import Limits
from saga.api.live.place import Place
from saga.api.live.watcher import STREAMS_MAX, Moment, Watcher
from saga.api.principals import Role, principal_of, requires
from saga.api.problems import TOO_MANY, Problem
from saga.api.rest.routes import Connected, Routes, SagaId
from saga.core.definition.json_value import Json
from saga.errors import SagaError
from saga.inspection.instants import Instant, with_texts

QUIET_SECONDS: Final = 15.0
"""After this long without an event a comment is sent, and it is checked that the client may still look."""
STREAM_SECONDS_MAX: Final = 1800.0
"""A stream is closed after this time; the client connects again and goes on from its last event."""
RETRY_MS: Final = 2_000

routes: Final = Routes("sagas")


@routes.get("/sagas/{ref}/events", summary="What happens to a saga, as server-sent events")
async def watch_saga(
    request: Request,
    sagas: Connected,  # noqa: ARG001 (the way to the saga goes through it)
    saga: SagaId,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", max_length=1000)] = None,
) -> Response:
    """Events: `history`, a line; `saga`, the saga without payloads; `end`, after which nothing more happens; `reset`, if history behind
    the last event was deleted: it comes again from its beginning.

    With `Last-Event-ID` the stream goes on behind that event, without gap or double. 204: nothing more will happen.
    """
    watcher, limits = cast("Watcher", request.app.state.watcher), cast("Limits", request.app.state.limits)
    sender = principal_of(request).sender
    limits.check_streams(sender)
    if watcher.streams >= STREAMS_MAX:
        raise Problem(TOO_MANY, f"this process serves {STREAMS_MAX} streams already")
    place = Place() if last_event_id is None else Place.read(last_event_id)
    async with watcher.watching(saga) as (moment, _):  # here, so that a saga that does not exist is a problem
        is_all_received = last_event_id is not None and moment.is_over and not place.missing(moment.lines)
    if is_all_received:
        return Response(status_code=204)
    return StreamingResponse(
        _counted(_stream(request, watcher, saga, place, moment), limits, sender),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


async def _counted(stream: AsyncGenerator[str, None], limits: Limits, sender: str | None) -> AsyncIterator[str]:
    with limits.streaming(sender):
        async with aclosing(stream):
            async for event in stream:
                yield event


async def _stream(
    request: Request, watcher: Watcher, saga: UUID, place: Place, known: Moment
) -> AsyncGenerator[str, None]:
    yield f"retry: {RETRY_MS}\n\n"
    clock = asyncio.get_running_loop().time
    until = clock() + STREAM_SECONDS_MAX
    try:
        async with watcher.watching(saga, known) as (moment, news):
            if place.is_dropped(moment.lines):
                place = Place()
                yield _event("reset", {"saga": str(saga)})
            found: Moment | None = moment
            while found is not None and clock() < until:
                if not await _may_look(request):
                    return
                for event in _events(found, place):
                    yield event
                if found.is_over:
                    return
                found = None
                while found is None and clock() < until and await _may_look(request):
                    try:
                        async with asyncio.timeout(QUIET_SECONDS):
                            found = await news.get()
                        break
                    except TimeoutError:
                        yield ": still here\n\n"
    except SagaError:
        return  # the client connects again, and hears the reason


def _events(moment: Moment, place: Place) -> Iterator[str]:
    """The events that a client lacks."""
    for position in place.missing(moment.lines):
        place.add(moment.lines[position])
        yield _event("history", moment.history[position], str(place))
    yield _event("saga", {"now": Instant(moment.detail.now), **moment.document})
    if moment.is_over:
        yield _event("end", {"saga": moment.document["saga"], "phase": moment.document["phase"]})


def _event(name: str, document: Json, place: str | None = None) -> str:
    lines = [f"id: {place}"] if place else []
    data = json.dumps(with_texts(document), ensure_ascii=False)
    return "\n".join([*lines, f"event: {name}", f"data: {data}", "", ""])


async def _may_look(request: Request) -> bool:
    """Tells whether the client still has the right: its token may have been revoked since."""
    try:
        await requires(Role.VIEWER)(request)
    except (Problem, SagaError):
        return False
    return True
