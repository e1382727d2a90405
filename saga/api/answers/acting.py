"""Answers about actions and the audit."""

from __future__ import annotations

from uuid import UUID

from typing_extensions import TypedDict

from saga.api.answers.shared import Answered, Time
from saga.core.definition.json_value import Json


class Undo(TypedDict):
    """A step that an action undoes."""

    step: str
    service: str
    state: str
    undo: str


class Plan(TypedDict):
    """The effects of an action. `digest`: approves exactly this plan, as If-Match; `refusal`: why the action is refused."""

    saga: UUID
    action: str
    step: str | None
    refusal: str | None
    changes: list[str]
    stages: list[list[Undo]]
    kept: list[str]
    residue: list[str]
    calls: dict[str, int]
    digest: str


class Planned(Answered):
    """The answer to `dry_run`."""

    plan: Plan


class Revealed(Answered):
    """A field that a type marks as sensitive, with its value. It is shown once: nothing keeps it."""

    saga: UUID
    path: list[str | int]
    value: Json


class AuditLine(TypedDict):
    """An action that was carried out, or refused. `before`, `after`: the saga, as far as the action changes it."""

    id: int
    at: Time
    saga: UUID | None
    actor: str
    authenticated: str | None
    address: str | None
    action: str
    step: str | None
    reason: str | None
    request: str | None
    plan: str | None
    refusal: str | None
    before: Json
    after: Json


class Audit(Answered):
    """`next`: the `before` of the next page."""

    audit: list[AuditLine]
    next: int | None


class AuditOfSaga(Audit):
    saga: UUID
