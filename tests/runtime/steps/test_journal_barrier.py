"""Journal rows that are final for a late worker: those that abandoning writes (found by a seed), and handled rejections."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from saga.core.definition.graph import Graph
from saga.core.rules import events as ev
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.memory.journal import MemoryJournal, ServiceDatabase
from saga.ports.journal import JournalRow, Mark
from saga.ports.values.claim import Claim
from saga.runtime.handlers.context import Context
from saga.runtime.steps.attempt import Attempt
from saga.runtime.steps.journaled import JournaledRunner
from tests.core import graphs
from tests.core.graphs import chain

SAGA = UUID(int=1)
PASSED = State(Phase.RUNNING, "SD", rollback_requested=False, paused=False, deadline=None, reason=None)
ABANDONING = State(Phase.ABANDONING, "SG", rollback_requested=False, paused=False, deadline=None, reason=None)


@pytest.mark.parametrize("mark", [None, Mark.REJECTED])
async def test_a_late_worker_does_not_execute_a_step_that_abandoning_has_barred(mark: Mark | None) -> None:
    """It was claimed after the pivot, where an operator may have a rejection retried (G38)."""
    database = ServiceDatabase()
    runner = JournaledRunner(MemoryJournal(database))
    if mark is not None:
        database.journal[SAGA, 1] = JournalRow(mark, None, "not today")

    asked = await runner.run(attempt(Operation.VOID_OR_REPORT, ABANDONING))
    late = await runner.run(attempt(Operation.EXECUTE, PASSED))

    assert asked.event == ev.Reported(1, ev.JournalReport.VOIDED)
    assert isinstance(late.event, ev.Rejected)
    assert database.journal[SAGA, 1].mark is Mark.TOMBSTONE


async def test_a_journaled_rejection_of_a_handled_step_is_never_discarded() -> None:
    """G44: a report of it may be on its way, and still counts."""
    database = ServiceDatabase()
    database.journal[SAGA, 1] = JournalRow(Mark.REJECTED, None, "not today")
    graph = graphs.graph(graphs.step("a", "J", pivot=True), graphs.step("b", "J", after=(0,), handled=True))

    again = await JournaledRunner(MemoryJournal(database)).run(attempt(Operation.EXECUTE, PASSED, graph))

    assert again.event == ev.Rejected(1, "not today")
    assert database.journal[SAGA, 1].mark is Mark.REJECTED


def attempt(operation: Operation, state: State, graph: Graph = chain("JJ", pivot=0)) -> Attempt:  # noqa: B008 (frozen)
    claim = Claim(
        saga=SAGA, step=1, operation=operation, number=1, definition=1, version=5, state=state, waiter=None,
        input=b"{}", results={}, deliveries=2, failures=0, first_failed_ago=0.0, lease_ends=0.0, quiet_at=0.0,
        progress=None, store_clock=0.0,
    )  # fmt: skip
    unused: Any = None  # no handler may run
    return Attempt(claim, graph, unused, unused, Context(claim, "b"))
