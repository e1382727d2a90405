"""The parts of one saga: result, history, steps, graph, effects."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import Query, Request, Response

from saga.api.calls.reading import PAGE, history_page, result_of
from saga.api.disclosure import reader_of, shown_to
from saga.api.principals import Role
from saga.api.rest.reading import Limit
from saga.api.rest.routes import Connected, Routes, SagaId, answer
from saga.core.duration import duration_ms
from saga.errors import NotFound
from saga.inspection.documents import saga_document, step_document
from saga.inspection.drawing.flow_chart import flow_chart
from saga.inspection.drawing.graph_svg import saga_graph_svg
from saga.inspection.instants import Instant
from saga.inspection.summaries.effects import effects_document
from saga.inspection.wording import letter_word

routes: Final = Routes("sagas")


@routes.get("/sagas/{ref}/result", Role.VIEWER, Role.STARTER, summary="How a saga ended: 200; 202 while it has not")
async def get_result(
    request: Request,
    sagas: Connected,
    saga: SagaId,
    wait: Annotated[str, Query(description="How long to wait for the end, such as `30s`; at most 60s.")] = "0s",
) -> Response:
    found = await result_of(sagas, saga, duration_ms(wait) / 1000, reader_of(request))
    return answer(request, found, 202 if found["status"] is None else 200)


@routes.get("/sagas/{ref}/history", summary="The transitions of a saga, oldest first")
async def get_history(
    request: Request, sagas: Connected, saga: SagaId, cursor: str | None = None, limit: Limit = PAGE
) -> Response:
    return answer(request, await history_page(sagas, saga, cursor, limit))


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
