"""Reads sagas in memory, one by one and in lists."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from itertools import islice
from uuid import UUID

from msgspec import structs

from saga.core.definition.graph import Graph
from saga.core.rules.retraction import without_retracted
from saga.core.state.letters import QUARANTINED_LETTERS, UNDER_WAY_LETTERS
from saga.core.state.phase import Phase
from saga.memory.data.database import Database, SagaRow
from saga.memory.reading.fleet import fleet_of
from saga.memory.reading.histories import histories
from saga.memory.reading.saga_detail import case_of, history_of
from saga.memory.reading.scan import scan
from saga.memory.reading.survey import survey_of
from saga.memory.rows import overdue_of
from saga.ports.ledger import Snapshot, unknown_saga
from saga.ports.listing import LINES_MAX, Counts, DefinitionLine, SagaFilter, SagaLine, Survey
from saga.ports.saga_detail import HistoryLine, HistoryPlace, SagaDetail, place_of
from saga.ports.saga_history import HistoryPage
from saga.ports.values.audit import AUDIT_LINES_MAX, Audit, AuditFilter, AuditLine
from saga.ports.values.fleet import Fleet
from saga.ports.values.notification import SagaStatus
from saga.ports.values.scan import SagaScan, ScanPage
from saga.ports.values.watch import Mark, Watched


class MemoryLedger:
    """See `saga.ports.ledger.Ledger` and `saga.ports.listing.Listing`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def snapshot(self, saga: UUID) -> Snapshot:
        row = self._database.sagas.get(saga)
        if row is None:
            raise unknown_saga(saga)
        graph = self._database.definitions[row.definition].graph
        return Snapshot(
            **structs.asdict(overdue_of(self._database, row)),
            definition_name=graph.name,
            definition_version=graph.version,
            started_at=self._database.epoch + row.started_at,
            ended_at=None if row.ended_at is None else self._database.epoch + row.ended_at,
            input=row.input,
            results=row.values(),
        )

    async def statuses(self, sagas: Sequence[UUID]) -> dict[UUID, SagaStatus]:
        rows = [row for saga in sagas if (row := self._database.sagas.get(saga)) is not None]
        return {row.id: _standing(row) for row in rows}

    async def find_key(self, definition_name: str, key: str) -> UUID | None:
        owner = self._database.start_keys.get((definition_name, key))
        return None if owner is None else owner[0]

    async def record(self, saga: UUID | None, audit: Audit) -> None:
        self._database.check_request(audit)
        self._database.add_audit(saga, audit)

    async def audits(self, wanted: AuditFilter) -> list[AuditLine]:
        passing = (line for line in reversed(self._database.audit) if wanted.passes(line))
        return list(islice(passing, min(wanted.limit, AUDIT_LINES_MAX)))

    async def lines(self, wanted: SagaFilter) -> list[SagaLine]:
        newest = sorted(self._database.sagas.values(), key=lambda row: row.id.int, reverse=True)
        passing = (self._line(row) for row in newest if self._passes(row, wanted))
        return list(islice(passing, min(wanted.limit, LINES_MAX)))

    async def scan(self, wanted: SagaScan) -> ScanPage:
        return scan(self._database, wanted)

    async def marks(self, sagas: Sequence[UUID]) -> dict[UUID, Mark]:
        rows = [row for saga in sagas if (row := self._database.sagas.get(saga)) is not None]
        return {row.id: self._mark(row) for row in rows}

    async def moments(self, watched: Sequence[Watched], graphs: Callable[[int], Awaitable[Graph]]) -> list[SagaDetail]:  # noqa: ARG002
        """A row of this store has its graph already."""
        rows = [(one, row) for one in watched if (row := self._database.sagas.get(one.saga)) is not None]
        return [_moment(case_of(self._database, row), one) for one, row in rows]

    def _mark(self, row: SagaRow) -> Mark:
        commands = self._database.commands.of_saga(row.id)
        activity = sum(command.deliveries + command.failures for command in commands)
        return Mark(row.version, activity, sum(command.owner is not None for command in commands))

    async def fleet(self) -> Fleet:
        return fleet_of(self._database)

    async def history(self, saga: UUID, after: HistoryPlace | None, limit: int) -> list[HistoryLine]:
        if saga not in self._database.sagas:
            raise unknown_saga(saga)
        lines = sorted(history_of(self._database, saga), key=place_of)
        return [line for line in lines if after is None or place_of(line) > after][:limit]

    async def counts(self) -> Counts:
        rows = self._database.sagas.values()
        return Counts(Counter(row.state.phase for row in rows), sum(_is_stuck(row) for row in rows))

    async def detail(self, saga: UUID) -> SagaDetail:
        row = self._database.sagas.get(saga)
        if row is None:
            raise unknown_saga(saga)
        return case_of(self._database, row)

    async def histories(self, first: UUID, limit: int) -> HistoryPage:
        return histories(self._database, first, limit)

    async def survey(self, limit: int) -> Survey:
        return survey_of(self._database, limit)

    async def definitions(self) -> list[DefinitionLine]:
        rows = [row for row in self._database.definitions.values() if not row.is_overwritten]
        live = Counter(saga.definition for saga in self._database.sagas.values() if saga.ended_at is None)
        default: dict[str, int] = {}
        for row in sorted(rows, key=lambda row: row.activation or 0):
            if row.activation is not None:
                default[row.graph.name] = row.number
        rows.sort(key=lambda row: (row.graph.name, -row.graph.version))
        return [
            DefinitionLine(
                number=row.number,
                name=row.graph.name,
                version=row.graph.version,
                hash=row.graph.hash,
                steps=len(row.graph.steps),
                services=row.graph.services,
                is_default=default.get(row.graph.name) == row.number,
                live=live[row.number],
            )
            for row in rows
        ]

    def _passes(self, row: SagaRow, wanted: SagaFilter) -> bool:
        name = self._database.definitions[row.definition].graph.name
        return (
            (wanted.ids is None or row.id in wanted.ids)
            and (wanted.phases is None or row.state.phase in wanted.phases)
            and wanted.definition_name in (None, name)
            and (_is_stuck(row) or not wanted.stuck)
            and (wanted.before is None or row.id.int < wanted.before.int)
            and (not wanted.tags or wanted.tags.items() <= (json.loads(row.tags) if row.tags else {}).items())
            and (wanted.started_since is None or self._database.epoch + row.started_at >= wanted.started_since)
        )

    def _line(self, row: SagaRow) -> SagaLine:
        graph, epoch, state = self._database.definitions[row.definition].graph, self._database.epoch, row.state
        return SagaLine(
            saga=row.id,
            definition_name=graph.name,
            definition_version=graph.version,
            phase=state.phase,
            is_rollback_requested=state.rollback_requested,
            is_paused=state.paused,
            is_stuck=_is_stuck(row),
            steps=tuple(
                step.name
                for n, (step, letter) in enumerate(zip(graph.steps, state.vector, strict=True))
                if letter in (QUARANTINED_LETTERS if n in graph.cancelling else UNDER_WAY_LETTERS)
            ),
            since=epoch + row.changed_at,
            deadline=state.deadline,
            reason=state.reason,
            key=None if row.key is None else row.key[1],
            started_at=epoch + row.started_at,
            ended_at=None if row.ended_at is None else epoch + row.ended_at,
        )


def _standing(row: SagaRow) -> SagaStatus:
    is_completed = row.state.phase is Phase.COMPLETED
    results = without_retracted(row.values(), row.state.vector) if is_completed else {}
    return SagaStatus(row.definition, row.state.phase, row.state.reason, row.input if is_completed else None, results)


def _moment(detail: SagaDetail, one: Watched) -> SagaDetail:
    lines = tuple(line for line in detail.history if (line.version or 0) > one.version or line.at >= one.since)
    records = {step: replace(record, result=None) for step, record in detail.records.items()}
    return replace(detail, input=b"", records=records, history=lines)


def _is_stuck(row: SagaRow) -> bool:
    return row.ended_at is None and row.state.is_stuck
