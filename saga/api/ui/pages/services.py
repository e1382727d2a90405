"""The services and the processes that serve them, the leader, and what is wrong with the installation."""

from __future__ import annotations

from fastapi import Request

from saga.api.ui.page_router import Pages
from saga.api.ui.pages.sagas import SURVEYED_MAX
from saga.api.ui.rendering import View
from saga.client import Sagas
from saga.inspection.summaries.installation import checks_document, leader_document, process_document, services_document


def add_to(pages: Pages) -> None:
    @pages.page("/services")
    async def services(_: Request, sagas: Sagas) -> View:
        fleet, survey = await sagas.listing.fleet(), await sagas.listing.survey(SURVEYED_MAX)
        contracts, definitions = await sagas.adapter.directory.contracts(), await sagas.listing.definitions()
        found = services_document(contracts, fleet, survey, definitions)
        values = {
            "services": found,
            "processes": [process_document(one) for one in fleet.processes],
            "leader": leader_document(fleet.leader),
            "checks": checks_document(fleet, survey, found),
        }
        return View("services.html", "Services", "services", fleet.now, values)
