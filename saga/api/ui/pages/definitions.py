"""The definitions: which there are, and of one its graph with the order of its rollback, its steps, versions and changes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from fastapi import Request

from saga.api.principals import Role, principal_of
from saga.api.problems import Problem, problem_of
from saga.api.ui.forms import fields_of, json_in, number_in
from saga.api.ui.page_router import Forward, Pages
from saga.api.ui.pages.step_table import steps_from
from saga.api.ui.rendering import View, drawing
from saga.client import StoreSagas
from saga.core.definition.graph import Graph
from saga.core.definition.json_value import Json
from saga.core.definition.step import Call, Check, Step
from saga.core.duration import duration_text
from saga.core.text import shown_value
from saga.errors import Conflict, InputRefused, NotFound, UsageError
from saga.inspection.branch_words import checking_words, waiting_words
from saga.inspection.documents import definition_document
from saga.inspection.drawing.graph_svg import definition_graph_svg
from saga.inspection.drawing.undo import planned_undo
from saga.inspection.example_input import example_input
from saga.inspection.references import missing_definition
from saga.inspection.summaries.version_change import change_document
from saga.ports.listing import DefinitionLine


def add_to(pages: Pages) -> None:
    @pages.page("/definitions")
    async def definitions(_: Request, sagas: StoreSagas) -> View:
        found = await sagas.listing.definitions()
        values = {"definitions": [definition_document(one) for one in found]}
        return View("definitions.html", "Definitions", "definitions", time.time(), values)

    @pages.page("/definitions/{name}")
    async def definition(request: Request, sagas: StoreSagas) -> View:
        return await _definition_view(request, sagas, {})

    @pages.form("/definitions/{name}", Role.STARTER)
    async def start(request: Request, sagas: StoreSagas) -> View:
        fields = await fields_of(request)
        try:
            saga = await _started(sagas, request.path_params["name"], fields)
        except (InputRefused, Conflict, UsageError, Problem) as error:
            view = await _definition_view(request, sagas, fields, str(error))
            return view._replace(status=problem_of(error).kind.status)
        raise Forward(f"sagas/{saga}")


async def _started(sagas: StoreSagas, name: str, fields: Mapping[str, str]) -> UUID:
    """Starts the saga of a form. The form has made its id, so that sending it twice starts one. Raises UsageError, Problem."""
    value = json_in(fields.get("input", ""), "input")
    try:
        saga = UUID(fields.get("id", ""))
    except ValueError:
        raise UsageError("the form does not have the id of a saga: load the page again") from None
    handle = await sagas.start_as(
        saga, name, value, key=fields.get("key") or None, version=_version(fields.get("version"))
    )
    return handle.id


async def _definition_view(request: Request, sagas: StoreSagas, fields: Mapping[str, str], fault: str = "") -> View:
    name = request.path_params["name"]
    version = _version(fields.get("version") or request.query_params.get("version"))
    versions = [one for one in await sagas.listing.definitions() if one.name == name]
    if not versions:
        raise NotFound(await missing_definition(sagas.listing, name) or f"no definition is named {name!r}")
    _, graph = await sagas.process.directory.find(name, version)
    older = next((one for one in versions if one.version < graph.version), None)
    before = None if older is None else await sagas.process.directory.graph(older.number)
    may_start = principal_of(request).role.may(Role.STARTER)
    start = {
        "input": fields.get("input") or json.dumps(example_input(graph.input_schema), ensure_ascii=False, indent=2),
        "key": fields.get("key", ""),
        "id": str(sagas.new_id()),
        "fault": fault,
    }
    values = {
        **_values(graph, versions, before, request.query_params.get("from", "")),
        "start": start if may_start else None,
    }
    return View("definition.html", f"{name} version {graph.version}", "definitions", time.time(), values)


def _version(text: str | None) -> int | None:
    """The version that a link names. Raises UsageError."""
    if text is None:
        return None
    found = number_in(text)
    if found is None:
        raise UsageError(f"version {shown_value(text)}: write a whole number")
    return found


def _values(graph: Graph, versions: Sequence[DefinitionLine], before: Graph | None, begin: str) -> dict[str, Json]:
    change = None if before is None else change_document(before, graph, versions)
    return {
        "name": graph.name,
        "version_shown": graph.version,
        "deadline": None if graph.deadline_ms is None else duration_text(graph.deadline_ms),
        "budget": duration_text(graph.compensation_budget_ms),
        "services": ", ".join(graph.services),
        "versions": [definition_document(one) for one in versions],
        "graph": drawing(definition_graph_svg(graph)),
        **steps_from(steps_of(graph), begin),
        "before": None if before is None else before.version,
        "changes": [] if change is None else change["changes"][1:],
        "effect": [] if change is None else change["effect"],
    }


def steps_of(graph: Graph) -> list[dict[str, Json]]:
    """The rows of the table of steps."""
    return [
        {
            "name": step.name,
            "handler": f"{step.service}.{step.handler}" if isinstance(step, Call) else "; ".join(_engine_words(step)),
            "is_call": isinstance(step, Call),
            "condition": step.condition or "",
            "mode": step.mode.name.lower() if isinstance(step, Call) else step.kind.value,
            "pivot": step.pivot,
            "after": ", ".join(graph.steps[before].name for before in step.after),
            "undo": undo.words if undo.order is None else f"↶ {undo.order} {undo.words}",
            "until": "" if step.until is None else graph.steps[step.until].name,
            **_limits(step),
        }
        for step, undo in zip(graph.steps, planned_undo(graph), strict=True)
    ]


def _engine_words(step: Step) -> Iterator[str]:
    """Says in words how a step of Saga itself ends."""
    if isinstance(step, Check):
        yield checking_words(step)
        yield f"else rejects: {step.reason}"
    yield from waiting_words(step)


def _limits(step: Step) -> dict[str, Json]:
    """The limits of a call, in words; those of other steps are empty."""
    if not isinstance(step, Call):
        return {"timeout": "", "attempts": ""}
    attempts = "no limit" if step.retry.attempts is None else str(step.retry.attempts)
    return {"timeout": duration_text(step.timeout_ms), "attempts": attempts}
