"""Making parked commands due when there is an event for them (G60, G62)."""

from __future__ import annotations

import math
from typing import Final
from uuid import UUID

from saga.memory.data.commands import CommandRow
from saga.memory.data.database import Database

WOKEN_SAGAS_MAX: Final = 1_000
"""Maximum number of sagas that `wake_overlooked` wakes at once."""


def is_parked(row: CommandRow, now: float) -> bool:
    """Returns whether a command is due later. One of a paused saga waits for the end of the pause."""
    return row.owner is None and now < row.due_at < math.inf


def make_due(database: Database, row: CommandRow) -> None:
    database.commands.queue(row, database.now())
    database.notify_services([row.service])


def wake(database: Database, saga: UUID) -> None:
    """Makes due what is parked for the new events of a saga. If a row of these is locked, the events stay new."""
    names, now = database.inbox.unwoken_names(saga), database.now()
    parked = [
        row for row in database.commands.of_saga(saga) if not names.isdisjoint(row.awaits) and is_parked(row, now)
    ]
    free = [row for row in parked if database.locks.is_free(row.ref)]
    for row in free:
        make_due(database, row)
    if len(free) == len(parked):
        database.inbox.woken(saga)


def wake_overlooked(database: Database) -> int:
    """Wakes the sagas whose sender has not done it. Returns how many there were."""
    sagas = database.inbox.unwoken(WOKEN_SAGAS_MAX)
    for saga in sagas:
        wake(database, saga)
    return len(sagas)
