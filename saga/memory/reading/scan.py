"""Reads the sagas that a search looks at, in memory: windows by the id, as a database reads them."""

from __future__ import annotations

import json
import math

from saga.memory.data.database import Database, SagaRow
from saga.memory.reading.saga_detail import command_details, leader_of, serving_of
from saga.ports.values.scan import Among, SagaScan, ScannedSaga, ScanPage


def scan(database: Database, wanted: SagaScan) -> ScanPage:
    newest = sorted(database.sagas.values(), key=lambda row: row.id.int, reverse=True)
    rows = [row for row in newest if _is_among(database, row, wanted.among)]
    now, serving, leader = database.epoch + database.now(), serving_of(database), leader_of(database)
    if wanted.among is not Among.ALL and len(rows) > wanted.rows_max:
        return ScanPage([], None, now, serving, leader, is_too_many=True)
    left = [row for row in rows if wanted.before is None or row.id.int < wanted.before.int]
    window = left[: wanted.rows_max]
    found = [row for row in window if _passes(database, row, wanted)][: wanted.limit]
    is_cut = len(left) > len(window)
    end = found[-1].id if len(found) == wanted.limit else window[-1].id if is_cut else None
    return ScanPage([_scanned(database, row, wanted) for row in found], end, now, serving, leader)


def _is_among(database: Database, row: SagaRow, among: Among) -> bool:
    if among is Among.ALL:
        return True
    if among is Among.LIVE or row.ended_at is not None:
        return row.ended_at is None
    queued = [command for command in database.commands.of_saga(row.id) if command.owner is None]
    if among is Among.PARKED:
        return any(command.due_at == math.inf for command in queued)
    return any(command.failures and database.now() < command.due_at < math.inf for command in queued)


def _passes(database: Database, row: SagaRow, wanted: SagaScan) -> bool:
    name, started_at = database.definitions[row.definition].graph.name, database.epoch + row.started_at
    tags = json.loads(row.tags) if row.tags else {}
    return (
        (wanted.ids is None or row.id in wanted.ids)
        and (wanted.keys is None or (row.key is not None and row.key[1] in wanted.keys))
        and (wanted.phases is None or row.state.phase in wanted.phases)
        and (wanted.definitions is None or name in wanted.definitions)
        and (not wanted.is_stuck or (row.ended_at is None and row.state.is_stuck))
        and dict(wanted.tags).items() <= tags.items()
        and (wanted.started_from is None or started_at >= wanted.started_from)
        and (wanted.started_until is None or started_at < wanted.started_until)
        and (wanted.reason is None or wanted.reason.lower() in (row.state.reason or "").lower())
    )


def _scanned(database: Database, row: SagaRow, wanted: SagaScan) -> ScannedSaga:
    epoch = database.epoch
    return ScannedSaga(
        saga=row.id,
        definition=row.definition,
        state=row.state,
        started_at=epoch + row.started_at,
        ended_at=None if row.ended_at is None else epoch + row.ended_at,
        wake_at=None if row.wake_at is None else epoch + row.wake_at,
        tags=row.tags,
        key=row.key[1] if row.key is not None and wanted.with_keys else None,
        commands=command_details(database, row) if wanted.with_commands else {},
    )
