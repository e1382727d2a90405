"""The list of sagas: what fits a query, newest first, with the counts of live sagas as links."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Request

from saga.api.rest.installation import SURVEY_SAGAS_MAX
from saga.api.ui.page_router import Forward, Pages
from saga.api.ui.rendering import View
from saga.client import StoreSagas
from saga.core.definition.json_value import Json
from saga.core.ids import uuid7_ms
from saga.core.state.phase import Phase
from saga.errors import NotFound, UsageError
from saga.inspection.documents import line_document
from saga.inspection.query.names import NAMES
from saga.inspection.query.parser import parse
from saga.inspection.query.search import Searched, cursor_at
from saga.inspection.references import find_saga
from saga.inspection.wording import phase_word
from saga.ports.listing import SagaLine, Survey

PAGE: Final = 50
STEPS_SHOWN_MAX: Final = 4
"""Maximum number of steps that a row names; its saga may be at hundreds at once."""


def add_to(pages: Pages) -> None:
    @pages.page("/")
    async def sagas(request: Request, sagas: StoreSagas) -> View:
        q = request.query_params.get("q", "").strip()
        await _forward_to_one(sagas, q)
        top, cursor = request.query_params.get("top"), request.query_params.get("cursor")
        fault, status = "", 200
        try:
            found = await sagas.search(q, limit=2 * PAGE if top else PAGE, cursor=cursor)
        except UsageError as error:
            found = Searched([], None, True, None, sagas.process.store_clock.now())  # noqa: FBT003 (the fields of a page)
            fault, status = str(error), 400
        survey = await sagas.listing.survey(SURVEY_SAGAS_MAX)
        values = {"q": q, "fault": fault, "chips": chips(survey, q), **_rows(found, q, top, cursor)}
        return View("sagas.html", q or "Sagas", "sagas", found.now, values, status)


async def _forward_to_one(sagas: StoreSagas, q: str) -> None:
    """Raises Forward if the reader has typed the id of a saga, or DEFINITION:KEY, instead of a query."""
    name = q.partition(":")[0]
    if not q or name.partition(".")[0].removeprefix("-") in NAMES:
        return
    try:
        raise Forward(f"sagas/{await find_saga(sagas.adapter, q)}")
    except (NotFound, UsageError):
        return


def _rows(found: Searched, q: str, top: str | None, cursor: str | None) -> dict[str, Json]:
    newer = _newer(found.lines, top)
    lines = found.lines[newer : newer + PAGE]
    following = found.cursor
    if len(found.lines) > newer + PAGE:
        following = cursor_at(lines[-1].saga, parse(q, found.now))
    return {
        "newer": newer,
        "first_path": path_of(q=q),
        "live_path": path_of(q=q, cursor=cursor, top=str(lines[0].saga) if lines else None),
        "lines": [line_document(line) for line in lines],
        "steps_max": STEPS_SHOWN_MAX,
        "next_path": None if following is None else path_of(q=q, cursor=following),
        "cut_at": None if found.scanned_to is None else _started_at(found.scanned_to),
    }


def _newer(found: Sequence[SagaLine], top: str | None) -> int:
    """Counts the sagas that are newer than the one that stands at the top of the reader's page, which stays where it is."""
    places = [place for place, line in enumerate(found) if str(line.saga) == top]
    return places[0] if places else 0


def _started_at(saga: UUID) -> float:
    return uuid7_ms(saga) / 1000


def path_of(**parameters: str | None) -> str:
    """The address of a list below the root."""
    return f"?{urlencode({name: value for name, value in parameters.items() if value})}"


def chips(survey: Survey, q: str) -> list[dict[str, Json]]:
    """The links above the list, with the number of live sagas where it is known."""
    live = {phase: 0 for phase in Phase if not phase.is_terminal}
    for (_, phase), count in survey.phases.items():
        live[phase] = live.get(phase, 0) + count
    wanted: list[tuple[str, str, int | None]] = [("all", "", None)]
    wanted += [(phase_word(phase), f"phase:{phase_word(phase)}", count) for phase, count in live.items()]
    wanted += [("needs a person", "is:stuck", sum(survey.stuck.values()))]
    wanted += [("retrying", "is:retrying", None), ("in a queue", "is:waiting", None), ("paused", "is:paused", None)]
    wanted += [(phase_word(phase), f"phase:{phase_word(phase)}", None) for phase in Phase if phase.is_terminal]
    return [
        {
            "words": words,
            "path": path_of(q=query),
            "count": None if count is None else f"{'≥ ' if survey.is_cut else ''}{count:,}",
            "current": q == query,
        }
        for words, query, count in wanted
        if count != 0 or query in ("is:stuck", q)
    ]
