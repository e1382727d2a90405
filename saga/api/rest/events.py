"""Server-sent events of one saga: its history line by line, and what it is now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Final
from uuid import UUID

from fastapi import Header, Request, Response
from fastapi.responses import StreamingResponse

from saga.api.calls.watching import Event, Streams, events
from saga.api.live.place import Place
from saga.api.live.watcher import Moment, json_text
from saga.api.principals import Role, principal_of, requires
from saga.api.problems import Problem
from saga.api.rest.routes import Connected, Routes, SagaId
from saga.errors import SagaError

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
    streams = Streams(request.app.state.watcher, request.app.state.limits, principal_of(request).sender)
    streams.check()
    place = Place() if last_event_id is None else Place.read(last_event_id)
    async with streams.watcher.watching(saga) as (moment, _):  # here, so that a saga that does not exist is a problem
        is_all_received = last_event_id is not None and moment.is_over and not place.missing(moment.lines)
    if is_all_received:
        return Response(status_code=204)
    return StreamingResponse(
        _stream(request, streams, saga, place, moment),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


async def _stream(request: Request, streams: Streams, saga: UUID, place: Place, known: Moment) -> AsyncIterator[str]:
    yield f"retry: {RETRY_MS}\n\n"
    try:
        async with aclosing(events(streams, saga, place, lambda: requires(Role.VIEWER)(request), known)) as found:
            lines = ""
            async for event in found:
                lines += ": still here\n\n" if event.name is None else _written(event)
                if event.name != "history":  # the lines of a moment, and then what the saga is, are one write
                    yield lines
                    lines = ""
    except (Problem, SagaError):
        return  # the client connects again, and hears the reason


def _written(event: Event) -> str:
    lines = [f"id: {event.place}"] if event.place else []
    data = json_text(event.document) if event.text is None else event.text
    return "\n".join([*lines, f"event: {event.name}", f"data: {data}", "", ""])
