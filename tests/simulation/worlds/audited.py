"""Watches that no action of an operator is committed without its line in the audit, and no line without its action."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final
from uuid import UUID

from saga.core.rules.history_kind import HistoryKind
from saga.memory.data.database import Database, HistoryRow
from tests.simulation.worlds.observer import Observer

REASON: Final = "because"
"""The reason of every rollback, and of every step that is undone, by an operator, with which its line of history begins."""
_OF_OPERATORS: Final = frozenset((
    HistoryKind.PAUSED,
    HistoryKind.RESUMED,
    HistoryKind.RETRIED,
    HistoryKind.SKIPPED,
    HistoryKind.OPERATOR_HAPPENED,
    HistoryKind.OPERATOR_DID_NOT_HAPPEN,
    HistoryKind.OPERATOR_UNDONE,
    HistoryKind.ABANDONING,
))  # fmt: skip


class AuditWatch:
    """Compares what each transaction adds to the history and to the audit."""

    def __init__(self, database: Database, observer: Observer) -> None:
        self._database = database
        self._observer = observer
        self._read = 0  # lines of the audit
        self._requests: set[str | None] = set()
        self._waiting: set[UUID] = set()  # sagas whose rollback waits for the pivot

    def committed(self, history: Sequence[HistoryRow]) -> None:
        """Checks a transaction, which has added these lines to the history."""
        lines = [line for line in islice(self._database.audit, self._read, None) if line.audit.refusal is None]
        self._read = len(self._database.audit)
        acted = {row.saga for row in history if self._is_of_operator(row)}
        if acted != {line.saga for line in lines}:
            kinds, actions = [row.entry for row in history], [line.audit.action.action for line in lines]
            self._observer.broken("AUDIT", f"the history has {kinds}, and the audit {actions}")
        for line in lines:
            request = line.audit.action.request
            if request in self._requests:
                self._observer.broken("AUDIT", f"request {request} was carried out twice")
            self._requests.add(request)
            assert line.saga is not None
            state, after = self._database.sagas[line.saga].state, line.audit.detail["after"]
            assert isinstance(after, dict)
            if (after["vector"], after["phase"], after["paused"]) != (state.vector, state.phase.name, state.paused):
                self._observer.broken("AUDIT", f"the audit says {after}, and the saga is {state}")

    def _is_of_operator(self, row: HistoryRow) -> bool:
        kind, is_requested = row.entry.kind, (row.entry.detail or "").startswith(REASON)
        if kind is HistoryKind.ROLLBACK_WAITS and is_requested:
            self._waiting.add(row.saga)
            return True
        if kind is HistoryKind.ROLLING_BACK and is_requested:
            return row.saga not in self._waiting  # else it was requested before
        return kind in _OF_OPERATORS or (kind is HistoryKind.RETRACTED and is_requested)
