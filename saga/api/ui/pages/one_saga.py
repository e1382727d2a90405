"""The page of one saga: what it waits for, its graph and steps, its timeline, history and data, and what stands."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from fastapi import Request, Response

from saga.api.disclosure import reader_of, shown_to
from saga.api.live.place import Place
from saga.api.principals import principal_of
from saga.api.rest.events import watch_saga
from saga.api.ui.forms import number_in
from saga.api.ui.page_router import Pages
from saga.api.ui.pages.actions_panel import Chosen, chosen_from, panel
from saga.api.ui.pages.audit import audit_rows
from saga.api.ui.pages.sagas import path_of
from saga.api.ui.pages.step_table import steps_from
from saga.api.ui.rendering import View, drawing
from saga.api.ui.zone import Clock, clock_in, zone_of
from saga.client import StoreSagas
from saga.core.definition.json_value import Json
from saga.core.rules.pivot import is_pivot_passed
from saga.core.state.letters import QUARANTINED_COMPENSATING
from saga.core.state.phase import Phase
from saga.inspection.documents import ALL_PARTS, history_document, saga_document
from saga.inspection.drawing.graph_svg import saga_graph_svg
from saga.inspection.drawing.marks import Mark, mark_of
from saga.inspection.drawing.picture import marks_of
from saga.inspection.drawing.timeline_svg import timeline_svg
from saga.inspection.drawing.undo import Undo, undo_of
from saga.inspection.explanation import Explanation, Situation
from saga.inspection.masking.hidden import hidden_fields
from saga.inspection.query.terms import quoted
from saga.inspection.references import find_saga
from saga.inspection.summaries.effects import Effect, effect_of
from saga.inspection.why import why
from saga.inspection.wording import span
from saga.ports.saga_detail import HISTORY_LINES_MAX, SagaDetail
from saga.ports.values.audit import AuditFilter

TABS: Final = ("timeline", "history", "data", "audit")
SAME_MAX: Final = 50
AUDIT_SHOWN_MAX: Final = 100
HISTORY_SHOWN_MAX: Final = 200
"""Maximum number of lines of history on a page; the first page has the newest ones."""
HISTORY_READ_MAX: Final = 20_000
"""Lines of history that are read at most; of a longer one the oldest."""
LINE_DIGITS_MAX: Final = 6
_LOOKS: Final = {
    Phase.RUNNING: "running", Phase.COMPENSATING: "undoing", Phase.ABANDONING: "finding",
    Phase.COMPLETED: "ok", Phase.COMPENSATED: "undoing", Phase.ABANDONED: "idle",
}  # fmt: skip
_EFFECT_MARKS: Final = {
    Effect.STANDS: Mark("ok", "✓", ""), Effect.UNDONE: Mark("undone", "↶", ""), Effect.UNKNOWN: mark_of("effect unknown"),
    Effect.LEFT: Mark("rejected", "✓", ""),
}  # fmt: skip
_STANDING: Final = frozenset((Effect.STANDS, Effect.UNKNOWN))
_ENDED: Final = {
    Situation.COMPLETED: "It completed",
    Situation.ROLLED_BACK: "It was rolled back",
    Situation.ABANDONED: "It was abandoned",
}


def add_to(pages: Pages) -> None:
    @pages.page("/sagas/{ref}")
    async def saga(request: Request, sagas: StoreSagas) -> View:
        detail = await sagas.detail(await find_saga(sagas.adapter, request.path_params["ref"]))
        return await saga_view(request, sagas, detail, chosen_from(request.query_params))

    @pages.stream("/sagas/{ref}/events")
    async def events(request: Request, sagas: StoreSagas) -> Response:
        """The events of the API, for a browser that has signed in. `after`: the place up to which its page shows the history."""
        saga = await find_saga(sagas.adapter, request.path_params["ref"])
        place = request.headers.get("last-event-id") or request.query_params.get("after")
        return await watch_saga(request, sagas, saga, place)


async def saga_view(request: Request, sagas: StoreSagas, detail: SagaDetail, chosen: Chosen) -> View:
    """The page. `chosen`: what the reader is about to do."""
    audit = await sagas.adapter.ledger.audits(AuditFilter(saga=detail.saga, limit=AUDIT_SHOWN_MAX))
    asked = request.query_params.get("tab")
    tab = asked if asked in TABS else TABS[0]
    clock = clock_in(zone_of(request), detail.now)
    document = saga_document(detail, ALL_PARTS - {"history"}, shown=await shown_to(request, detail))
    answer, undos = why(detail), undo_of(detail)
    return View(
        "saga.html",
        f"{detail.graph.name} {detail.key or detail.saga}",
        "sagas",
        detail.now,
        {
            "saga": document,
            "headline": headline(detail, answer),
            "look": "person" if document["stuck"] else _LOOKS[detail.state.phase],
            "facts": list(_facts(detail, answer, clock)),
            "remedy": answer.remedy,
            "actions": panel(detail, principal_of(request), chosen),
            "done": "" if chosen.fault else request.query_params.get("done", ""),
            "events": _events(detail),
            "tags": ", ".join(f"{name}={value}" for name, value in (document["tags"] or {}).items()),
            "graph": drawing(saga_graph_svg(detail)),
            "timeline": drawing(timeline_svg(detail, clock)) if tab == "timeline" else None,
            **steps_from(_steps(detail, document["steps"], undos), request.query_params.get("from", "")),
            "same": await _same(sagas, detail, answer),
            "history_count": _count(detail, HISTORY_LINES_MAX),
            **(await _history(sagas, detail, request.query_params.get("until")) if tab == "history" else {}),
            "tab": tab,
            "hidden": await _hidden(request, detail) if tab == "data" else [],
            "effects": list(_effects(detail, undos)),
            "audit": audit_rows(audit),
            "with_saga": False,
        },
    )


def _events(detail: SagaDetail) -> str | None:
    """The address of the events behind what the page shows; None once nothing more happens."""
    after = Place.behind(detail.history)
    return None if detail.state.phase.is_terminal else f"{detail.saga}/events{path_of(after=str(after))}"


async def _history(sagas: StoreSagas, detail: SagaDetail, until: str | None) -> dict[str, Json]:
    """A part of the history, oldest line first: up to the line of this number, or to the newest one."""
    if len(detail.history) >= HISTORY_LINES_MAX:  # it has only the beginning
        lines = await sagas.listing.history(detail.saga, None, HISTORY_READ_MAX)
        detail = replace(detail, history=tuple(lines))
    total = len(detail.history)
    end = min(number_in(until or "", LINE_DIGITS_MAX) or total, total)
    begin = max(end - HISTORY_SHOWN_MAX, 0)
    later = min(end + HISTORY_SHOWN_MAX, total)
    return {
        "history": history_document(detail)[begin:end],
        "history_count": _count(detail, HISTORY_READ_MAX),
        "history_words": f"lines {begin + 1:,} to {end:,} of {_count(detail, HISTORY_READ_MAX)}"
        if total > HISTORY_SHOWN_MAX
        else "",
        "earlier": f"{path_of(tab='history', until=str(begin))}#parts" if begin else None,
        "later": f"{path_of(tab='history', until=str(later))}#parts" if end < total else None,
    }


def _count(detail: SagaDetail, read_max: int) -> str:
    """The number of lines of the history, of which at most `read_max` were read."""
    return f"{len(detail.history):,}{'+' if len(detail.history) >= read_max else ''}"


async def _hidden(request: Request, detail: SagaDetail) -> list[dict[str, Json]]:
    """The fields that a type hides, with the way to reveal each; none for readers who see no payloads at all."""
    if not principal_of(request).reads_payloads:
        return []
    fields = hidden_fields(detail, await reader_of(request).disclosure.marks(detail.graph))
    return [
        {
            "words": field.words,
            "kind": field.kind,
            "href": f"{path_of(tab='data', reveal=json.dumps(field.path))}#reason",
        }
        for field in fields
    ]


async def _same(sagas: StoreSagas, detail: SagaDetail, answer: Explanation) -> dict[str, Json] | None:
    """The other sagas that are stuck at the same step: how many, at most SAME_MAX, and their list."""
    if answer.situation is not Situation.QUARANTINED or answer.step is None:
        return None
    q = f"is:stuck definition:{quoted(detail.graph.name)} step:{quoted(answer.step)}"
    found = await sagas.search(q, limit=SAME_MAX)
    others = sum(line.saga != detail.saga for line in found.lines)
    words = f"{others}{'' if found.cursor is None else ' or more'} other{'' if others == 1 else 's'}"
    return {"words": words, "path": path_of(q=q)} if others else None


def headline(detail: SagaDetail, answer: Explanation) -> str:
    """Says in a sentence or two what the saga waits for, and what happens if nobody acts."""
    reason = f" because of {detail.state.reason}" if detail.state.reason else ""
    if answer.waits_for is None:
        return f"{_ENDED[answer.situation]}{reason}, after {span(answer.since - detail.started_at)}."
    until, then = answer.outlook
    outlook = f"{then[:1].upper()}{then[1:]}." if until is None else ""
    if detail.state.phase is Phase.COMPENSATING:
        return f"It is rolling back{reason}, and waits for {answer.waits_for}. {outlook}".strip()
    if detail.state.phase is Phase.ABANDONING:
        return f"It is being abandoned, and waits for {answer.waits_for}. {outlook}".strip()
    return f"It waits for {answer.waits_for}. {outlook}".strip()


def _facts(detail: SagaDetail, answer: Explanation, clock: Clock) -> Iterator[tuple[str, str]]:
    ended = answer.waits_for is None
    yield ("ended" if ended else "since"), f"{clock(answer.since)} · {span(detail.now - answer.since)} ago"
    yield "started", f"{clock(detail.started_at)} · {span(detail.now - detail.started_at)} ago"
    until, then = answer.outlook
    if until is not None:
        left = until - detail.now
        yield "next", f"{then}, {f'in {span(left)}' if left > 0 else 'at any moment'} ({clock(until)})"
    if not ended:
        yield "who can act", " or ".join(answer.who) or ("an operator" if answer.remedy else "no process that is alive")
        standing = [position for position in range(len(detail.graph.steps)) if effect_of(detail, position) in _STANDING]
        yield "still standing", _named(detail, standing) or "nothing"
        yield (
            "cannot be undone",
            _named(detail, [each for each in standing if not _can_be_undone(detail, each)]) or "nothing",
        )
    if answer.note:
        yield "also", answer.note


def _named(detail: SagaDetail, positions: Sequence[int]) -> str:
    return ", ".join(detail.graph.steps[position].name for position in positions)


def _can_be_undone(detail: SagaDetail, position: int) -> bool:
    return detail.graph.steps[position].compensation and not is_pivot_passed(detail.graph, detail.state.vector)


def _steps(detail: SagaDetail, steps: list[dict[str, Json]], undos: list[Undo]) -> list[dict[str, Json]]:
    """The table that says the same as the graph."""
    return [
        {**step, "mark": mark, "undo": undo.words if undo.order is None else f"↶ {undo.order} {undo.words}"}
        for step, mark, undo in zip(steps, marks_of(detail), undos, strict=True)
    ]


def _effects(detail: SagaDetail, undos: list[Undo]) -> Iterator[dict[str, Json]]:
    """The effects that exist, may exist, or existed, each with what happens to it next."""
    for position, undo in enumerate(undos):
        effect, step = effect_of(detail, position), detail.graph.steps[position]
        if effect is not None and effect in _EFFECT_MARKS:
            mark = _EFFECT_MARKS[effect]._replace(word=effect.value)
            if detail.state.vector[position] == QUARANTINED_COMPENSATING:
                mark = Mark("person", "!", "stands, compensation quarantined")
            yield {"step": step.name, "service": step.service, "mark": mark, "next": _next(detail, undo)}


def _next(detail: SagaDetail, undo: Undo) -> str:
    if undo.kind == "person":
        return "waits for an operator"
    if detail.state.phase is Phase.COMPENSATING and undo.kind in ("waits", "acts"):
        return f"is undone: {undo.words}"
    if undo.kind == "done":
        return ""
    if detail.state.phase.is_terminal or undo.order is None:
        return "stays"
    return f"is undone if the saga is rolled back: {undo.words}"
