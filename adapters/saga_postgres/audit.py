"""Records what operators do."""

from __future__ import annotations

import json
from typing import Final
from uuid import UUID

from saga.ports.values.write import Audit
from saga_postgres.connection.pool import Connection

_INSERT: Final = (
    "insert into audit (actor, action, saga, step, reason, detail) values ($1, $2, $3, $4, $5, $6::text::jsonb)"
)


async def record(connection: Connection, saga: UUID, audit: Audit) -> None:
    """Inserts an action, in the connection's transaction if it has one."""
    action, detail = audit.action, json.dumps(audit.detail)
    await connection.execute(_INSERT, action.actor, action.action, saga, action.step, action.reason, detail)
