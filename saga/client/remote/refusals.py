"""Refusals of the API as the errors that a connection to the store raises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx

from saga.errors import (
    AccessRefused,
    Conflict,
    DefinitionError,
    InputRefused,
    NotFound,
    PlanChanged,
    SagaError,
    ServerFailed,
    StaleToken,
    Unavailable,
    UsageError,
)

Problem = Mapping[str, Any]

ERRORS: Final[Mapping[str, Callable[[str, Problem], SagaError]]] = {
    "usage": lambda detail, _: UsageError(detail),
    "unauthenticated": lambda detail, _: AccessRefused(detail),
    "forbidden": lambda detail, _: AccessRefused(detail),
    "not-found": lambda detail, _: NotFound(detail),
    "method-not-allowed": lambda detail, _: UsageError(detail),
    "conflict": lambda detail, _: Conflict(detail),
    "stale": lambda detail, _: StaleToken(detail),
    "plan-moved": lambda detail, problem: PlanChanged(detail, problem["plan"]),
    "too-large": lambda detail, _: InputRefused(detail),
    "wrong-media-type": lambda detail, _: UsageError(detail),
    "input-refused": lambda detail, _: InputRefused(detail),
    "definition-refused": lambda detail, problem: DefinitionError(detail, tuple(problem.get("findings", ()))),
    "plan-needed": lambda detail, _: UsageError(detail),
    "too-many": lambda detail, _: Unavailable(detail),
    "internal": lambda detail, _: ServerFailed(detail),
    "unavailable": lambda detail, _: Unavailable(detail),
}
"""The error of each kind of problem, by its name. A problem of an API that is newer than this build goes by its status."""


def refusal_of(answer: httpx.Response, place: str) -> SagaError:
    """The error that an answer is. `place` names the API."""
    problem = _problem(answer)
    make = ERRORS.get(str(problem.get("type", "")).rpartition("/")[2])
    if make is not None:
        return make(str(problem.get("detail", "")), problem)
    return _of_status(answer.status_code, str(problem.get("detail") or answer.reason_phrase), place)


def _problem(answer: httpx.Response) -> Problem:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _of_status(status: int, detail: str, place: str) -> SagaError:
    """The error for an answer that something else gave than the API: a proxy, or another server."""
    said = f"{place} answered {status} ({detail})"
    if status in (401, 403, 407):
        return AccessRefused(said)
    if status >= 500 or status in (408, 429):  # noqa: PLR2004
        return Unavailable(said)
    return UsageError(f"{said}, as no API of Saga does: check the address, which ends before /v1")
