"""Errors as RFC 9457 problems: `application/problem+json`, each with a type that has a name and a meaning."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from saga import errors
from saga.core.definition.json_value import Json
from saga.core.text import visible
from saga.inspection.instants import with_texts
from saga.logger import get_logger
from saga.ports.url.passwords import without_passwords

PROBLEM_JSON: Final = "application/problem+json"
RETRY_AFTER_SECONDS: Final = 1


class Kind(NamedTuple):
    """A kind of problem. `name` is the last part of its `type`."""

    name: str
    status: int
    title: str


USAGE: Final = Kind("usage", 400, "The request is wrong; a retry does not help")
UNAUTHENTICATED: Final = Kind("unauthenticated", 401, "A valid token is missing")
FORBIDDEN: Final = Kind("forbidden", 403, "This principal may not do that")
NOT_FOUND: Final = Kind("not-found", 404, "It does not exist, or does not exist any more")
NOT_ALLOWED: Final = Kind("method-not-allowed", 405, "The path does not have this method")
CONFLICT: Final = Kind("conflict", 409, "The current state does not allow the request")
STALE: Final = Kind("stale", 409, "A later claim or term has taken over; do not repeat the request")
PLAN_MOVED: Final = Kind("plan-moved", 412, "The saga has moved, and another plan follows: look at it")
TOO_LARGE: Final = Kind("too-large", 413, "The body is too large or too deep")
WRONG_MEDIA_TYPE: Final = Kind("wrong-media-type", 415, "The body must be application/json")
REFUSED: Final = Kind("input-refused", 422, "A value does not fit")
DEFINITION_REFUSED: Final = Kind("definition-refused", 422, "The definition is not acceptable; its findings say why")
PLAN_NEEDED: Final = Kind("plan-needed", 428, "Look at the plan, and send its digest as If-Match")
TOO_MANY: Final = Kind("too-many", 429, "Too many requests; try again later")
BROKEN: Final = Kind("internal", 500, "The server has a bug; its log says more")
UNAVAILABLE: Final = Kind("unavailable", 503, "The store cannot be used now; try again later")

KINDS: Final = {kind.name: kind for kind in list(globals().values()) if isinstance(kind, Kind)}
_BY_STATUS: Final = {kind.status: kind for kind in (USAGE, NOT_FOUND, NOT_ALLOWED, WRONG_MEDIA_TYPE, FORBIDDEN)}
_OF_ERRORS: Final[tuple[tuple[type[Exception], Kind], ...]] = (  # the first that fits
    (errors.InputRefused, REFUSED),
    (errors.DefinitionError, DEFINITION_REFUSED),
    (errors.SchemaMismatch, UNAVAILABLE),
    (errors.AccessRefused, UNAVAILABLE),
    (errors.Closed, UNAVAILABLE),
    (errors.UsageError, USAGE),
    (errors.NotFound, NOT_FOUND),
    (errors.AlreadyExists, CONFLICT),
    (errors.Conflict, CONFLICT),
    (errors.StaleToken, STALE),
    (errors.ProtocolViolation, USAGE),
    (errors.Unavailable, UNAVAILABLE),
    (TimeoutError, UNAVAILABLE),
)


class Problem(Exception):
    """A request that is refused. `detail` is shown without passwords and invisible characters.

    `facts`: members of the problem beside those of RFC 9457.
    """

    def __init__(self, kind: Kind, detail: str, facts: Mapping[str, Json] | None = None) -> None:
        shown = visible(without_passwords(detail))
        super().__init__(shown)
        self.kind = kind
        self.detail = shown
        self.facts: dict[str, Json] = dict(facts or {})
        self.headers: dict[str, str] = {}
        if kind is UNAUTHENTICATED:
            self.headers["WWW-Authenticate"] = "Bearer"
        if kind in (UNAVAILABLE, TOO_MANY):
            self.facts.setdefault("retry_after", RETRY_AFTER_SECONDS)
            self.headers["Retry-After"] = str(self.facts["retry_after"])

    def response(self) -> Response:
        body: dict[str, Json] = {
            **self.facts,
            "type": f"/problems/{self.kind.name}",
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
        }
        content = json.dumps(with_texts(body)).encode()
        return Response(content, self.kind.status, self.headers, PROBLEM_JSON)


def problem_of(error: Exception) -> Problem:
    """The problem that an error is for the client. Raises the error itself if the server is to blame."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, errors.PlanChanged):
        return Problem(PLAN_MOVED, str(error), {"plan": error.plan})
    for type_of_error, kind in _OF_ERRORS:
        if isinstance(error, type_of_error):
            findings = [str(finding) for finding in getattr(error, "findings", ())]
            return Problem(kind, str(error) or kind.title, {"findings": findings} if findings else None)
    raise error


def add_handlers(app: FastAPI) -> None:
    """Makes a problem of everything that a route raises."""
    for kind in (Problem, errors.SagaError, TimeoutError):
        app.add_exception_handler(kind, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


async def _refused(_: Request, error: Exception) -> Response:
    return problem_of(error).response()


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    places = {found["loc"][0] for found in error.errors()}
    is_readable = all(found["type"] != "json_invalid" for found in error.errors())
    kind = REFUSED if places == {"body"} and is_readable else USAGE
    return misfit(kind, error.errors()).response()


def misfit(kind: Kind, found: Sequence[Mapping[str, Json]]) -> Problem:
    """The problem of a request whose fields do not fit. `found`: the errors of pydantic."""
    findings = [_finding(one["loc"], one["msg"]) for one in found]
    return Problem(kind, "; ".join(findings), {"findings": findings})


def _finding(place: tuple[int | str, ...], message: str) -> str:
    return f"{'.'.join(map(str, place))}: {message.removeprefix('Value error, ')}"


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    kind = _BY_STATUS.get(error.status_code, USAGE)
    problem = Problem(kind, _sentence(kind, str(error.detail)))
    problem.headers |= dict(error.headers or {})
    return problem.response()


def _sentence(kind: Kind, detail: str) -> str:
    if kind is NOT_FOUND:
        return "there is no such path: /openapi.json lists the paths"
    return kind.title if kind is NOT_ALLOWED else detail


class Unbroken:
    """The outermost layer: a bug is logged and answered as a problem that shows nothing of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_begun = False

        async def watched(message: dict[str, Json]) -> None:
            nonlocal is_begun
            is_begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)  # type: ignore[arg-type]
        except Exception:
            get_logger("saga.api").exception("request failed", path=scope.get("path"))
            if is_begun or scope["type"] != "http":
                raise
            await Problem(BROKEN, BROKEN.title).response()(scope, receive, send)
