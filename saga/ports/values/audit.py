"""The actions of operators, as the audit records them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from msgspec import Struct

from saga.core.definition.json_value import Json
from saga.errors import AlreadyExists

AUDIT_LINES_MAX: Final = 1_000
"""Maximum number of lines of the audit in one answer."""
REQUEST_CHARS_MAX: Final = 200
"""Maximum number of characters of a request id."""


class Action(Struct, frozen=True):
    """An action of an operator. `step`: its position; None: it is about the saga.

    `authenticated`: how the actor was recognised, and `address`: from where the request came; None if no server stood between.
    `request`: the id of the request; no two lines have the same, so that a repeat is recognised. `plan`: the digest of the plan that
    was carried out or refused.
    """

    actor: str
    action: str
    step: int | None
    reason: str | None
    authenticated: str | None = None
    address: str | None = None
    request: str | None = None
    plan: str | None = None


class Audit(Struct, frozen=True):
    """An action with what it changed (`detail`: the saga before and after), or why it was refused.

    What an action changes and its audit are recorded in one transaction.
    """

    action: Action
    detail: dict[str, Json]
    refusal: str | None = None


class AuditLine(Struct, frozen=True):
    """A line of the audit. `id`: later lines have larger ones. `at`: seconds since the epoch, on the store's clock."""

    id: int
    at: float
    saga: UUID | None
    audit: Audit


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Selects lines of the audit; None: all. `before`: only lines with smaller ids, for the next page."""

    saga: UUID | None = None
    request: str | None = None
    actor: str | None = None
    before: int | None = None
    limit: int = AUDIT_LINES_MAX

    def passes(self, line: AuditLine) -> bool:
        """Tells whether it selects this line, whatever the limit."""
        action = line.audit.action
        return (
            self.saga in (None, line.saga)
            and self.request in (None, action.request)
            and self.actor in (None, action.actor)
            and (self.before is None or line.id < self.before)
        )


def request_recorded(request: str | None) -> AlreadyExists:
    """The error of a store that finds the request of an action in its audit."""
    return AlreadyExists(f"request {request} is in the audit: it was carried out or refused before")
