"""The installation as a whole: services, processes, leader, what needs an operator, what waits, what is wrong."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final, Literal

from fastapi import Request, Response

from saga.api.calls.answers import Document, now_of
from saga.api.calls.reading import PAGE
from saga.api.principals import Role, principal_of
from saga.api.rest.reading import Limit
from saga.api.rest.routes import Connected, Routes, answer
from saga.client import StoreSagas
from saga.core.nearest import with_nearest
from saga.errors import NotFound
from saga.inspection.instants import Instant
from saga.inspection.query.search import Matches
from saga.inspection.summaries.installation import checks_document, leader_document, process_document, services_document
from saga.inspection.summaries.live_sagas import stuck_document, waiting_document
from saga.ports.listing import Survey
from saga.ports.values.fleet import Fleet

SURVEY_SAGAS_MAX: Final = 10_000
"""Number of sagas, and of commands of each service, that counts look at; beyond it they are lower bounds."""

routes: Final = Routes("installation")


@routes.get("/stuck", summary="What needs an operator, grouped by its cause")
async def list_stuck(
    request: Request, sagas: Connected, by: Literal["reason", "step", "definition", "service"] = "reason"
) -> Response:
    found = await sagas.matches("is:stuck")
    return answer(request, {**_head(found), "groups": stuck_document(found.details, by)})


@routes.get("/waiting", summary="What the live sagas wait for, by when it happens by itself")
async def list_waiting(request: Request, sagas: Connected, limit: Limit = PAGE) -> Response:
    found = await sagas.matches("-is:ended")
    return answer(request, {**_head(found), "waiting": waiting_document(found.details, limit)})


@routes.get("/services", summary="The services: their handlers, processes, queues and live sagas")
async def list_services(request: Request, sagas: Connected) -> Response:
    fleet, _, services = await read_services(sagas)
    return answer(request, {"now": Instant(fleet.now), "services": services})


@routes.get("/services/{service}", summary="One service")
async def get_service(request: Request, sagas: Connected, service: str) -> Response:
    fleet, _, found = await read_services(sagas)
    services = {one["name"]: one for one in found}
    if service not in services:
        raise NotFound(with_nearest(f"there is no service {service!r}", service, services))
    return answer(request, {"now": Instant(fleet.now), **services[service]})


@routes.get("/processes", summary="The live processes")
async def list_processes(request: Request, sagas: Connected) -> Response:
    fleet = await sagas.listing.fleet()
    return answer(request, {"now": Instant(fleet.now), "processes": [process_document(one) for one in fleet.processes]})


@routes.get("/leader", summary="The supervisor that leads")
async def get_leader(request: Request, sagas: Connected) -> Response:
    fleet = await sagas.listing.fleet()
    return answer(request, {"now": Instant(fleet.now), **leader_document(fleet.leader)})


@routes.get("/doctor", summary="What is wrong with the installation, and how to repair it")
async def get_doctor(request: Request, sagas: Connected) -> Response:
    fleet, survey, services = await read_services(sagas)
    checks = checks_document(fleet, survey, services)
    return answer(request, {"now": Instant(fleet.now), "ok": all(check["ok"] for check in checks), "checks": checks})


@routes.get("/me", Role.VIEWER, Role.STARTER, summary="Your name, your role, and the version of this build")
async def get_me(request: Request, sagas: Connected) -> Response:
    principal = principal_of(request)
    found = {
        "name": principal.name,
        "role": principal.role.value,
        "how": principal.how,
        "reads_payloads": principal.reads_payloads,
        "namespace": sagas.adapter.options.namespace,
        "version": version("saga-coordination"),
    }
    return answer(request, {"now": now_of(sagas), **found})


async def read_services(sagas: StoreSagas) -> tuple[Fleet, Survey, list[Document]]:
    """The processes, what there is to do, and the services as documents."""
    directory, listing = sagas.adapter.directory, sagas.listing
    fleet, survey = await listing.fleet(), await listing.survey(SURVEY_SAGAS_MAX)
    return fleet, survey, services_document(await directory.contracts(), fleet, survey, await listing.definitions())


def _head(found: Matches) -> Document:
    scanned_to = None if found.scanned_to is None else str(found.scanned_to)
    return {"now": Instant(found.now), "complete": found.is_complete, "scanned_to": scanned_to}
