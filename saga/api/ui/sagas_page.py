"""The list of sagas: what fits a query, newest first, with the counts of live sagas as links."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

from fastapi import Request

from saga.api.ui.pages import Pages
from saga.api.ui.rendering import View
from saga.client import Sagas
from saga.core.definition.json_value import Json
from saga.core.state.phase import Phase
from saga.inspection.documents import line_document
from saga.inspection.wording import phase_word
from saga.ports.listing import SagaFilter, SagaLine, Survey

PAGE: Final = 50
SURVEYED_MAX: Final = 10_000
"""Live sagas that are counted for the links above the list; beyond it a count is a lower bound."""


def add_to(pages: Pages) -> None:
    @pages.page("/")
    async def sagas(request: Request, sagas: Sagas) -> View:
        q = request.query_params.get("q", "").strip()
        found = await sagas.listing.lines(SagaFilter(limit=2 * PAGE + 1))
        newer = _newer(found, request.query_params.get("top"))
        lines, more = found[newer : newer + PAGE], found[newer + PAGE :]
        now = time.time()
        values = {
            "q": q,
            "newer": newer,
            "first_path": _path(q=q),
            "live_path": _path(q=q, top=str(lines[0].saga) if lines else ""),
            "chips": chips(await sagas.listing.survey(SURVEYED_MAX), q),
            "lines": [line_document(line) for line in lines],
            "next_path": _path(q=q, before=str(lines[-1].saga)) if more else None,
        }
        return View("sagas.html", "Sagas", "sagas", now, values)


def _newer(found: Sequence[SagaLine], top: str | None) -> int:
    """Counts the sagas that are newer than the one that stands at the top of the reader's page, which stays where it is."""
    places = [place for place, line in enumerate(found) if str(line.saga) == top]
    return places[0] if places else 0


def _path(**parameters: str) -> str:
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
    wanted += [(phase_word(phase), f"phase:{phase_word(phase)}", None) for phase in Phase if phase.is_terminal]
    return [
        {
            "words": words,
            "path": _path(q=query),
            "count": None if count is None else f"{'≥ ' if survey.is_cut else ''}{count:,}",
            "current": q == query,
        }
        for words, query, count in wanted
    ]
