"""The parts of one saga: result, history, steps, graph, effects."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final, Literal

from fastapi import Query, Request, Response

from saga.api.disclosure import shown_to, value_shown_to
from saga.api.principals import Role
from saga.api.rest.reading import PAGE, Limit
from saga.api.rest.routes import Connected, Routes, SagaId, answer, now_of
from saga.client import ending_document
from saga.core.duration import duration_ms
from saga.errors import NotFound, UsageError
from saga.inspection.documents import history_document, saga_document, step_document
from saga.inspection.drawing.flow_chart import flow_chart
from saga.inspection.drawing.graph_svg import saga_graph_svg
from saga.inspection.instants import Instant
from saga.inspection.query.history_cursor import cursor_of, place_in
from saga.inspection.summaries.effects import effects_document
from saga.inspection.wording import letter_word
from saga.ports.saga_detail import HISTORY_LINES_MAX, place_of

WAIT_SECONDS_MAX: Final = 60.0
"""Maximum of `wait`; a client asks again after that."""
READ_SECONDS: Final = 5.0
"""Time for reading the end of a saga that has ended."""

routes: Final = Routes("sagas")


@routes.get("/sagas/{ref}/result", Role.VIEWER, Role.STARTER, summary="How a saga ended: 200; 202 while it has not")
async def get_result(
    request: Request,
    sagas: Connected,
    saga: SagaId,
    wait: Annotated[str, Query(description="How long to wait for the end, such as `30s`; at most 60s.")] = "0s",
) -> Response:
    seconds = duration_ms(wait) / 1000
    if seconds > WAIT_SECONDS_MAX:
        raise UsageError(f"wait={wait}: at most {WAIT_SECONDS_MAX:.0f}s; ask again after that")
    snapshot = await sagas.snapshot(saga)  # NotFound, if there is none
    try:
        is_over = snapshot.state.phase.is_terminal
        ending = await sagas.handle(saga).result(max(seconds, READ_SECONDS) if is_over else seconds)
    except TimeoutError:
        return answer(request, {"now": now_of(sagas), "saga": str(saga), "status": None}, 202)
    graph = await sagas.process.definitions.graph(snapshot.definition)
    shown = replace(ending, value=await value_shown_to(request, graph, ending.value))
    return answer(request, {"now": now_of(sagas), "saga": str(saga), **ending_document(shown)})


@routes.get("/sagas/{ref}/history", summary="The transitions of a saga, oldest first")
async def get_history(
    request: Request, sagas: Connected, saga: SagaId, cursor: str | None = None, limit: Limit = PAGE
) -> Response:
    detail, behind = await sagas.detail(saga), place_in(cursor)
    if len(detail.history) >= HISTORY_LINES_MAX:  # a detail has only the beginning of such a long history
        detail = replace(detail, history=tuple(await sagas.listing.history(saga, behind, limit + 1)))
    documents = zip(detail.history, history_document(detail), strict=True)
    shown = [(line, document) for line, document in documents if behind is None or place_of(line) > behind]
    end = cursor_of(place_of(shown[limit - 1][0])) if len(shown) > limit else None
    history = [document for _, document in shown[:limit]]
    return answer(request, {"now": Instant(detail.now), "saga": str(saga), "history": history, "next": end})


@routes.get("/sagas/{ref}/steps/{step}", summary="One step of a saga")
async def get_step(request: Request, sagas: Connected, saga: SagaId, step: str) -> Response:
    detail = await sagas.detail(saga)
    position = detail.graph.positions.get(step)
    if position is None:
        names = ", ".join(detail.graph.positions)
        raise NotFound(f"saga {saga} has no step {step!r}: its steps are {names}")
    document = step_document(detail, position, await shown_to(request, detail))
    return answer(request, {"now": Instant(detail.now), **document})


@routes.get("/sagas/{ref}/graph", summary="The graph of a saga with the states of its steps")
async def get_graph(
    request: Request,
    sagas: Connected,
    saga: SagaId,
    format: Literal["json", "mermaid", "svg"] = "json",  # noqa: A002
) -> Response:
    detail = await sagas.detail(saga)
    if format == "svg":
        return Response(saga_graph_svg(detail), media_type="image/svg+xml")
    if format == "mermaid":
        return Response(flow_chart(detail.graph), media_type="text/plain; charset=utf-8")
    steps = detail.graph.steps
    nodes = [
        {"name": step.name, "service": step.service, "pivot": step.pivot, "state": letter_word(letter)}
        for step, letter in zip(steps, detail.state.vector, strict=True)
    ]
    edges = [[steps[before].name, step.name] for step in steps for before in step.after]
    return answer(request, {"now": Instant(detail.now), "saga": str(saga), "nodes": nodes, "edges": edges})


@routes.get("/sagas/{ref}/effects", summary="Every effect of a saga: stands, undone, never happened, unknown, left")
async def get_effects(request: Request, sagas: Connected, saga: SagaId) -> Response:
    detail = await sagas.detail(saga)
    return answer(request, {"now": Instant(detail.now), "saga": str(saga), "effects": effects_document(detail)})


@routes.get("/sagas/{ref}/why", summary="What a saga waits for, since when, until when, and who can act")
async def get_why(request: Request, sagas: Connected, saga: SagaId) -> Response:
    detail = await sagas.detail(saga)
    found = saga_document(detail, ("why",))
    return answer(request, {"now": Instant(detail.now), "saga": str(saga), **found["why"]})
