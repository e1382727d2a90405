"""The declaration of pages: each with the role that it needs. An error becomes a page, too, that says what to do."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, cast

from fastapi import APIRouter, Request, Response

from saga import errors
from saga.api.principals import Role, principal_of, requires
from saga.api.problems import FORBIDDEN, UNAUTHENTICATED, Problem, problem_of
from saga.api.ui.assets import asset_answer
from saga.api.ui.rendering import View, rendered, root_of
from saga.api.ui.signing_in import asked_for, check_form, csrf_of, sign_in, sign_out, takes_tokens, with_session
from saga.client import StoreSagas
from saga.core.definition.json_value import Json
from saga.errors import SagaError

SURVEYED_MAX: Final = 1_000
"""Live sagas that are looked at for the count of those that need a person in the menu."""

NOBODY: Final[Mapping[str, Json]] = {"principal": None, "csrf": "", "stuck": 0, "namespace": ""}
"""The values of a page whose reader is not known."""

Page = Callable[[Request, StoreSagas], Awaitable[View]]
Stream = Callable[[Request, StoreSagas], Awaitable[Response]]


class Forward(Exception):
    """The page that was asked for is another one. `path`: below the root."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class Pages:
    """The pages of the web interface, as a router of the application."""

    def __init__(self) -> None:
        self.router: APIRouter = APIRouter(include_in_schema=False)
        self.router.add_api_route("/static/{name}", _static, methods=["GET"])
        self.router.add_api_route("/signin", _sign_in, methods=["POST"])
        self.router.add_api_route("/signout", _sign_out, methods=["POST"])

    def page(self, path: str, role: Role = Role.VIEWER) -> Callable[[Page], Page]:
        """Adds a page at this path for those who have this role."""

        return self._adder(path, role, "GET")

    def form(self, path: str, role: Role = Role.VIEWER) -> Callable[[Page], Page]:
        """Adds what answers a form that is sent to this path. The page itself asks for the role of the action."""
        return self._adder(path, role, "POST")

    def stream(self, path: str, role: Role = Role.VIEWER) -> Callable[[Stream], Stream]:
        """Adds a stream of events at this path. What goes wrong is a problem, because no person reads it."""

        def add(stream: Stream) -> Stream:
            async def route(sent: Request) -> Response:
                request = with_session(sent)
                await requires(role)(request)
                return await stream(request, cast("StoreSagas", request.app.state.sagas))

            self.router.add_api_route(path, route, methods=["GET"], name=stream.__name__)
            return stream

        return add

    def _adder(self, path: str, role: Role, method: str) -> Callable[[Page], Page]:
        def add(page: Page) -> Page:
            async def route(request: Request) -> Response:
                return await _answer(request, page, role)

            self.router.add_api_route(path, route, methods=[method], name=page.__name__)
            return page

        return add


async def _static(request: Request, name: str) -> Response:
    return asset_answer(request, name)


async def _sign_in(request: Request) -> Response:
    try:
        return await sign_in(request)
    except (Problem, SagaError, TimeoutError) as error:
        return rendered(request, _problem_view(request, problem_of(error), error), NOBODY)


async def _sign_out(request: Request) -> Response:
    try:
        return await sign_out(request)
    except (Problem, SagaError, TimeoutError) as error:
        return rendered(request, _problem_view(request, problem_of(error), error), NOBODY)


async def _answer(sent: Request, page: Page, role: Role) -> Response:
    request = with_session(sent)
    sagas = cast("StoreSagas", request.app.state.sagas)
    shared = NOBODY
    try:
        await requires(role)(request)
        if request.method == "POST":
            await check_form(request)
        shared = await _shared(sagas, request)
        view = await page(request, sagas)
    except Forward as forward:
        return Response(status_code=303, headers={"Location": f"{root_of(request)}{forward.path}"})
    except (Problem, SagaError, TimeoutError) as error:
        view = _problem_view(request, problem_of(error), error)
    return rendered(request, view, shared)


async def _shared(sagas: StoreSagas, request: Request) -> Mapping[str, Json]:
    """Returns the values that every page shows."""
    stuck = await sagas.listing.survey(SURVEYED_MAX)
    return {
        "principal": principal_of(request),
        "csrf": csrf_of(request),
        "stuck": sum(stuck.stuck.values()),
        "namespace": sagas.adapter.options.namespace,
    }


def _problem_view(request: Request, problem: Problem, error: Exception) -> View:
    kind = problem.kind
    values: dict[str, Json] = {
        "kind": kind.name,
        "heading": kind.title,
        "detail": problem.detail,
        "needs": problem.facts.get("needs"),
        "may_sign_in": takes_tokens(request) and kind in (UNAUTHENTICATED, FORBIDDEN),
        "next": asked_for(request),
    }
    if isinstance(error, errors.NotFound) and "ref" in request.path_params:
        values["kind"] = "gone"  # a saga, which retention may have deleted
    return View("problem.html", kind.title, "", time.time(), values, kind.status)
