"""One saga with everything around it, in memory."""

from __future__ import annotations

import math
from uuid import UUID

from saga.memory.data.commands import CommandRow
from saga.memory.data.database import Database, HistoryRow, SagaRow
from saga.memory.reading.histories import recorded_vector
from saga.ports.membership import LEADER_SILENCE_SECONDS_MAX
from saga.ports.saga_detail import HISTORY_LINES_MAX, CommandDetail, HistoryLine, SagaDetail, StepRecord


def case_of(database: Database, row: SagaRow) -> SagaDetail:
    """The detail as a database would return it."""
    epoch = database.epoch
    return SagaDetail(
        saga=row.id,
        graph=database.definitions[row.definition].graph,
        state=row.state,
        now=epoch + database.now(),
        started_at=epoch + row.started_at,
        ended_at=_time(epoch, row.ended_at),
        wake_at=_time(epoch, row.wake_at),
        key=None if row.key is None else row.key[1],
        tags=row.tags,
        input=row.input,
        commands=command_details(database, row),
        records={
            step: StepRecord(epoch + result.finished_at, _name(database, result.process), result.attempts, result.value)
            for step, result in row.results.items()
        },
        history=tuple(history_of(database, row.id)[:HISTORY_LINES_MAX]),
        serving=serving_of(database),
        leader=leader_of(database),
    )


def history_of(database: Database, saga: UUID) -> list[HistoryLine]:
    """All lines about a saga, oldest first."""
    return [_moment(database, entry, n) for n, entry in enumerate(database.history) if entry.saga == saga]


def command_details(database: Database, row: SagaRow) -> dict[int, CommandDetail]:
    return {command.ref.step: _instruction(database, command) for command in database.commands.of_saga(row.id)}


def _instruction(database: Database, row: CommandRow) -> CommandDetail:
    epoch = database.epoch
    return CommandDetail(
        operation=row.operation,
        owner=_name(database, row.owner),
        due_at=_time(epoch, row.due_at),
        lease_until=_time(epoch, row.lease_until),
        quiet_at=_time(epoch, row.quiet_at),
        first_failed_at=_time(epoch, row.first_failed_at),
        deliveries=row.deliveries,
        failures=row.failures,
        error=row.error,
        was_claimed=row.claim is not None,
        until=row.until,
        awaits=row.awaits,
    )


def _moment(database: Database, entry: HistoryRow, n: int) -> HistoryLine:
    step = None if entry.entry.step < 0 else entry.entry.step
    at, vector = database.epoch + entry.at, recorded_vector(entry)
    process = _name(database, entry.process)
    return HistoryLine(at, str(entry.entry.kind), step, entry.entry.detail, vector, process, entry.version, n)


def serving_of(database: Database) -> dict[str, tuple[str, ...]]:
    alive = [member for member in database.members.values() if member.is_alive]
    services = sorted({service for member in alive for service in member.services})
    return {
        service: tuple(sorted(member.name for member in alive if service in member.services)) for service in services
    }


def leader_of(database: Database) -> str | None:
    leader = database.leader
    return None if leader is None or database.now() - leader.seen_at > LEADER_SILENCE_SECONDS_MAX else leader.name


def _name(database: Database, process: int | None) -> str | None:
    if process is None:
        return None
    member = database.members.get(process)
    return f"process {process}" if member is None else member.name


def _time(epoch: float, at: float | None) -> float | None:
    return None if at is None or at == math.inf else epoch + at
