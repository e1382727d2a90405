"""Counts over all sagas that have not ended, in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from saga.core.rules.pivot import is_pivot_passed
from saga.core.state.phase import Phase
from saga.memory.data.commands import CommandRow
from saga.memory.data.database import Database, SagaRow
from saga.ports.listing import QueueDepth, Survey

ALIVE_SECONDS: Final = 10.0


def survey_of(database: Database, limit: int) -> Survey:
    """See `saga.ports.listing.Listing.survey`."""
    now = database.now()
    live = sorted((row.wake_at, row.id) for row in database.sagas.values() if row.wake_at is not None)[:limit]
    rows = [database.sagas[saga] for _, saga in live]
    phases = Counter((_name(database, row), row.state.phase) for row in rows)
    services = {service for row in rows for service in database.definitions[row.definition].graph.services}
    queues = {service: _queue(database, service, now, limit) for service in _services(database)}
    return Survey(
        phases=phases,
        stuck=dict.fromkeys((name for name, _ in phases), 0)
        | Counter(_name(database, row) for row in rows if row.state.is_stuck),
        scan_lag_seconds=max(0.0, now - live[0][0]) if live else 0.0,
        deadline_overdue_seconds=max([0.0, *_overdue(database, rows, now)]),
        queues={service: queue for service, queue in queues.items() if queue.commands},
        processes={service: _alive(database, service, now) for service in sorted(services)},
        waiting=Counter(
            name for row in rows for command in database.commands.of_saga(row.id) for name in _awaited(command)
        ),
        is_cut=len(rows) >= limit or any(queue.commands >= limit for queue in queues.values()),
    )


def _name(database: Database, row: SagaRow) -> str:
    return database.definitions[row.definition].graph.name


def _services(database: Database) -> set[str]:
    return {service for row in database.definitions.values() for service in row.graph.services}


def _queue(database: Database, service: str, now: float, limit: int) -> QueueDepth:
    rows = database.commands.due(service, now, limit, lambda _: True)
    return QueueDepth(len(rows), now - rows[0].due_at if rows else 0.0)


def _awaited(command: CommandRow) -> tuple[str, ...]:
    return command.awaits if command.owner is None else ()


def _overdue(database: Database, rows: Iterable[SagaRow], now: float) -> Iterable[float]:
    """For how long deadlines have passed without a rollback."""
    for row in rows:
        state, graph = row.state, database.definitions[row.definition].graph
        if state.deadline is None or state.phase is not Phase.RUNNING or state.rollback_requested:
            continue
        if not is_pivot_passed(graph, state.vector):
            yield database.epoch + now - state.deadline


def _alive(database: Database, service: str, now: float) -> int:
    members = database.members.values()
    return sum(service in member.services and now - member.seen_at < ALIVE_SECONDS for member in members)
