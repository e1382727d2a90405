"""The page of what needs a person: the stuck sagas in groups by their cause, with whether their service is alive."""

from __future__ import annotations

from typing import Final

from fastapi import Request

from saga.api.ui.page_router import Pages
from saga.api.ui.pages.sagas import path_of
from saga.api.ui.rendering import View
from saga.client import StoreSagas
from saga.core.definition.json_value import Json
from saga.inspection.query.terms import quoted
from saga.inspection.summaries.live_sagas import GROUP_BY, stuck_document

QUERY: Final = "is:stuck"


def add_to(pages: Pages) -> None:
    @pages.page("/stuck")
    async def stuck(request: Request, sagas: StoreSagas) -> View:
        by = request.query_params.get("by", GROUP_BY[0])
        by = by if by in GROUP_BY else GROUP_BY[0]
        found = await sagas.matches(QUERY)
        processes = await _processes(sagas)
        groups = [
            {**group, "path": _path(group), "processes": processes.get(group["service"] or "", 0)}
            for group in stuck_document(found.details, by)
        ]
        values = {
            "by": by,
            "ways": [(way, f"?by={way}") for way in GROUP_BY],
            "groups": groups,
            "total": len(found.details),
            "is_cut": not found.is_complete,
        }
        return View("stuck.html", f"Needs a person: {len(found.details)}", "stuck", found.now, values)


async def _processes(sagas: StoreSagas) -> dict[str, int]:
    """Counts the live processes of each service."""
    found: dict[str, int] = {}
    for process in (await sagas.listing.fleet()).processes:
        for service in process.services:
            found[service] = found.get(service, 0) + 1
    return found


def _path(group: dict[str, Json]) -> str:
    """The list of the sagas of a group."""
    terms = [f"{name}:{quoted(group[name])}" for name in ("definition", "step", "service") if group[name]]
    return path_of(q=" ".join((QUERY, *terms)))
