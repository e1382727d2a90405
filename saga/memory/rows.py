"""Rows of the memory store as values of the ports."""

from __future__ import annotations

from saga.core.state.operation import Operation
from saga.memory.data.commands import CommandRow
from saga.memory.data.database import Database, SagaRow
from saga.ports.values.claim import NEVER_CALLED, Claim
from saga.ports.values.overdue import OverdueSaga


def claim_of(database: Database, row: CommandRow, saga: SagaRow) -> Claim:
    """A claimed command with everything needed to run it."""
    now, step = database.now(), row.ref.step
    reads = set(database.definitions[saga.definition].graph.carried[step])
    if row.operation is Operation.COMPENSATE:
        reads.add(step)
    return Claim(
        saga=saga.id,
        step=step,
        operation=row.operation,
        number=row.claim or 0,
        definition=saga.definition,
        version=saga.version,
        state=saga.state,
        waiter=saga.waiter,
        input=saga.input,
        results={read: value for read, value in saga.values().items() if read in reads},
        deliveries=row.deliveries,
        failures=row.failures,
        first_failed_ago=0.0 if row.first_failed_at is None else now - row.first_failed_at,
        lease_ends=now if row.lease_until is None else row.lease_until,
        quiet_at=now + NEVER_CALLED if row.quiet_at is None else row.quiet_at,
        progress=row.progress,
        store_clock=database.epoch,
        trace=saga.trace,
        isolated_attempts=row.isolated_attempts,
        until=row.until,
    )


def overdue_of(database: Database, saga: SagaRow) -> OverdueSaga:
    """A saga with its commands."""
    commands, now = database.commands.of_saga(saga.id), database.now()
    return OverdueSaga(
        saga=saga.id,
        version=saga.version,
        definition=saga.definition,
        state=saga.state,
        waiter=saga.waiter,
        held=frozenset(row.ref.step for row in commands),
        claimed=frozenset(row.ref.step for row in commands if row.owner is not None),
        unquiet=frozenset(row.ref.step for row in commands if row.quiet_at is not None and row.quiet_at > now),
        store_clock=database.epoch,
        trace=saga.trace,
        wake_at=database.epoch + (saga.wake_at or 0.0),
    )
