"""The audit: what operators did, and what they were refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from saga.ports.values.audit import AUDIT_LINES_MAX, Action, Audit, AuditFilter, AuditLine, request_recorded
from saga_postgres.connection.pool import Connection
from saga_postgres.statements import statements

_SQL: Final = statements("audit")
_INSERT: Final = _SQL["insert"]
_LINES: Final = _SQL["lines"]


async def record(connection: Connection, saga: UUID | None, audit: Audit) -> None:
    """Inserts an action, in the connection's transaction if it has one.

    Raises:
        AlreadyExists: its request is in the audit.
    """
    action, detail = audit.action, json.dumps(audit.detail)
    is_new = await connection.fetchval(
        _INSERT,
        action.actor,
        action.action,
        saga,
        action.step,
        action.reason,
        detail,
        action.authenticated,
        action.address,
        action.request,
        action.plan,
        audit.refusal,
    )
    if is_new is None:
        raise request_recorded(action.request)


async def read_audits(connection: Connection, wanted: AuditFilter) -> list[AuditLine]:
    """Returns the lines, newest first."""
    asked = {"saga =": wanted.saga, "request =": wanted.request, "actor =": wanted.actor, "id <": wanted.before}
    values = {column: value for column, value in asked.items() if value is not None}
    conditions = " and ".join(f"{column} ${n}" for n, column in enumerate(values, 2)) or "true"
    limit = min(wanted.limit, AUDIT_LINES_MAX)
    rows = await connection.fetch(f"{_LINES} where {conditions} order by id desc limit $1", limit, *values.values())
    return [_line(row) for row in rows]


def _line(row: Mapping[str, Any]) -> AuditLine:
    action = Action(
        actor=row["actor"],
        action=row["action"],
        step=row["step"],
        reason=row["reason"],
        authenticated=row["authenticated"],
        address=row["address"],
        request=row["request"],
        plan=row["plan"],
    )
    detail = {} if row["detail"] is None else json.loads(row["detail"])
    return AuditLine(row["id"], row["at"], row["saga"], Audit(action, detail, row["refusal"]))
