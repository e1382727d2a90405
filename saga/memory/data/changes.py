"""The changes that a transaction makes when it commits: what `start_batch` and `commit_batch` do to rows in SQL."""

from __future__ import annotations

import math
from collections.abc import Sequence
from uuid import UUID

from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.memory.data.commands import CommandRow
from saga.memory.data.database import Database, HistoryRow, ResultRow, SagaRow, ref_order
from saga.memory.data.waking import is_parked, make_due
from saga.ports.adapter import StoreOptions
from saga.ports.values.claim import CommandRef
from saga.ports.values.start import Start
from saga.ports.values.write import CUT_OFF, PARKED_SECONDS, Delay, Dispatch, Drop, Parking, Write


def insert_saga(database: Database, options: StoreOptions, start: Start, *, process: int, waiter: int | None) -> None:
    """E1. The deadline counts from now, on the store's clock."""
    now = database.now()
    is_ended = start.state.phase is Phase.COMPLETED
    deadline_seconds = math.inf if start.deadline_seconds is None else start.deadline_seconds
    state = (
        start.state if start.deadline_seconds is None else _due(start, database.epoch + now + start.deadline_seconds)
    )
    row = SagaRow(
        id=start.saga,
        definition=start.definition,
        version=1,
        state=state,
        wake_at=None,
        waiter=waiter,
        started_at=now,
        changed_at=now,
        ended_at=now if is_ended else None,
        input=start.input,
        tags=start.tags,
        trace=start.trace,
        key=None if start.key is None else (start.definition_name, start.key),
    )
    database.sagas[row.id] = row
    database.wake_at(row, None if is_ended else now + min(options.redrive_seconds, deadline_seconds))
    if row.key is not None:
        database.start_keys[row.key] = (row.id, start.input_hash)
    for dispatch in start.dispatches:
        _dispatch(database, options, row, dispatch, process=process)
    _park(database, row.id, start.parkings, ())
    for entry in start.entries:
        database.history.append(HistoryRow(now, row.id, row.version, process, state, entry))


def write_saga(database: Database, options: StoreOptions, write: Write, *, process: int) -> None:
    """Writes the outcomes of one saga, which was checked and locked before."""
    now, row = database.now(), database.sagas.get(write.saga)
    if row is not None and write.changed:
        _move(database, row, write)
    for drop in write.drops:
        _drop(database, write, drop)
    for delay in write.delays:
        _delay(database, write, delay)
    if row is None:
        return
    for dispatch in write.dispatches:
        _dispatch(database, options, row, dispatch, process=process)
    for consumption in write.consumptions:
        database.inbox.consume(row.id, consumption.event, consumption.step)
    _park(database, row.id, write.parkings, write.delays)
    for result in write.results:
        row.results.setdefault(result.step, ResultRow(now, process, result.attempts, result.value))
    for audit in write.audits:
        database.add_audit(row.id, audit)
    version = row.version if write.changed else None
    for entry in write.entries:
        database.history.append(HistoryRow(now, row.id, version, process, row.state, entry))


def state_after(write: Write, before: State) -> State:
    """The state of a saga after a write. A deadline that is not moved stays as stored."""
    return write.state if write.is_deadline_moved else write.state.with_deadline(before.deadline)


def _due(start: Start, deadline: float) -> State:
    return start.state.with_deadline(deadline)


def _move(database: Database, row: SagaRow, write: Write) -> None:
    now, deadline = database.now(), write.state.deadline
    row.version, row.state = row.version + 1, state_after(write, row.state)
    row.changed_at = now
    row.ended_at = now if write.state.phase.is_terminal else None
    if write.state.phase.is_terminal:
        database.wake_at(row, None)
    elif write.wake_seconds is not None:
        due_at = math.inf if row.state.deadline is None else row.state.deadline - database.epoch
        database.wake_at(row, min(now + write.wake_seconds, due_at if due_at > now else math.inf))
    elif write.is_deadline_moved and deadline is not None:
        known = math.inf if row.wake_at is None else row.wake_at
        database.wake_at(row, min(known, deadline - database.epoch))


def _drop(database: Database, write: Write, drop: Drop) -> None:
    row = database.commands.get(CommandRef(write.saga, drop.step))
    if row is not None and drop.claim in (None, row.claim):
        database.commands.remove(row)


def _delay(database: Database, write: Write, delay: Delay) -> None:
    """Ends an attempt without an outcome. If it did not fail, it counts neither as a failure nor as a delivery."""
    now, row = database.now(), database.commands.get(CommandRef(write.saga, delay.step))
    if row is None or row.claim != delay.claim:
        return
    has_begun = delay.failures != row.failures or delay.error is None
    if delay.failures == row.failures:
        row.deliveries -= 1
    elif delay.failures > row.failures and row.first_failed_at is None:
        row.first_failed_at = now
    if delay.failures != CUT_OFF:
        row.failures = delay.failures
    row.isolated_attempts, row.error = delay.isolated_attempts, delay.error
    if delay.quiet_seconds > 0:
        quiet_at = now + delay.quiet_seconds
        row.quiet_at = quiet_at if row.quiet_at is None else max(row.quiet_at, quiet_at)
    elif has_begun and row.quiet_at is None:
        row.quiet_at = now  # G136
    database.commands.queue(row, now + delay.after_seconds if delay.after_seconds < PARKED_SECONDS else math.inf)


def _dispatch(database: Database, options: StoreOptions, saga: SagaRow, dispatch: Dispatch, *, process: int) -> None:
    """Writes a command. A row that a process holds for the same operation is left alone."""
    ref, now = CommandRef(saga.id, dispatch.step), database.now()
    owner = database.owner_of(dispatch.owner, process)
    row = database.commands.get(ref)
    if row is None:
        row = CommandRow(ref, dispatch.operation, dispatch.service, deliveries=0 if owner is None else 1)
        database.commands.add(row)
    elif row.operation is dispatch.operation and row.owner is not None:
        return
    else:
        _reuse(row, dispatch, is_claimed=owner is not None)
    database.commands.queue(row, now + dispatch.after_seconds)
    if owner is not None:
        database.commands.claim(row, owner, dispatch.claim, now + options.lease_seconds)


def _park(database: Database, saga: UUID, parkings: Sequence[Parking], delays: Sequence[Delay]) -> None:
    """Stores what commands wait for. A delayed one is due at once if an event that it waits for is there (G60)."""
    now, claims = database.now(), {delay.step: delay.claim for delay in delays}
    for parking in parkings:
        row = database.commands.get(CommandRef(saga, parking.step))
        if row is None or claims.get(parking.step, row.claim) != row.claim:
            continue
        if row.until is None or not parking.is_kept:
            row.until = None if parking.seconds is None else database.epoch + now + parking.seconds
        row.awaits = tuple(parking.names)
        if is_parked(row, now) and database.inbox.first(saga, row.awaits) is not None:
            make_due(database, row)


def _reuse(row: CommandRow, dispatch: Dispatch, *, is_claimed: bool) -> None:
    """The same operation keeps its claim number, and its counters unless it was parked; another one starts with new ones."""
    is_same = row.operation is dispatch.operation
    if not is_same:
        row.forget()
    row.claim = row.claim if is_same else None
    if not is_same or row.due_at == math.inf:
        row.reset(dispatch.operation)
    row.deliveries += is_claimed
    row.error = None


def touched(write: Write) -> list[CommandRef]:
    """The commands that a write changes, in the order in which they are locked."""
    steps = {part.step for parts in (write.drops, write.delays, write.dispatches, write.parkings) for part in parts}
    return sorted((CommandRef(write.saga, step) for step in steps), key=ref_order)
