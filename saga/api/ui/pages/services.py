"""The services and the processes that serve them, the leader, and what is wrong with the installation."""

from __future__ import annotations

from fastapi import Request

from saga.api.rest.installation import read_services
from saga.api.ui.page_router import Pages
from saga.api.ui.rendering import View
from saga.client import StoreSagas
from saga.inspection.summaries.installation import checks_document, leader_document, process_document


def add_to(pages: Pages) -> None:
    @pages.page("/services")
    async def services(_: Request, sagas: StoreSagas) -> View:
        fleet, survey, found = await read_services(sagas)
        values = {
            "services": found,
            "processes": [process_document(one) for one in fleet.processes],
            "leader": leader_document(fleet.leader),
            "checks": checks_document(fleet, survey, found),
        }
        return View("services.html", "Services", "services", fleet.now, values)
