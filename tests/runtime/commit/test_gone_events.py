"""A wait whose event another step has consumed looks into the inbox again, and takes nothing else with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from msgspec.structs import replace

from saga.core.rules import events as ev
from saga.core.state.letters import DISPATCHED
from saga.core.state.phase import Phase
from saga.ports.values.notification import Notifications
from saga.ports.values.write import Write, WriteConflict
from saga.runtime.planning.outcome import Outcome
from saga.runtime.planning.outcome_group import OutcomeGroup
from tests.core.graphs import graph, step, wait
from tests.runtime.commit.test_committer import SAGA, RefusingStore, committer_over, work_of

WAITING = graph(wait("review"), step("charge", "T", handled=True))


class GoneStore(RefusingStore):
    """The event was consumed while the saga stayed as it was."""

    async def commit(
        self, writes: Sequence[Write], notifications: Notifications, **options: object
    ) -> list[WriteConflict]:
        (write,) = writes
        if write.consumptions:
            state = replace(write.state, phase=Phase.RUNNING, vector=DISPATCHED * 2)
            return [WriteConflict(0, write.version, state, 0.0, is_event_gone=True)]
        return await super().commit(writes, notifications, **options)


async def test_a_rejection_beside_a_wait_whose_event_is_gone_is_recorded() -> None:
    store, claim = GoneStore(), work_of(SAGA, "TT")
    state = replace(claim.state, vector=DISPATCHED * 2)
    review = Outcome(replace(claim, state=state), ev.Succeeded(0), b"1", consumes="e-1")
    charge = Outcome(replace(claim, state=state, step=1, number=2), ev.Rejected(1, "declined"), is_fenced=True)
    group = OutcomeGroup(SAGA, WAITING, 1, state, None, 0.0, [review, charge])

    await committer_over(store)._commit([group], Notifications(), wait=True, alone=True)

    (write,) = store.written
    assert write.state.vector == "DH"
    assert [(delay.step, delay.after_seconds) for delay in write.delays] == [(0, 0.0)]
    assert write.results[0].step == 1


class InboxStore(RefusingStore):
    """Keeps one event, which one step can consume."""

    async def commit(
        self, writes: Sequence[Write], notifications: Notifications, **options: object
    ) -> list[WriteConflict]:
        (write,) = writes
        if len(write.consumptions) > 1:
            state = replace(write.state, phase=Phase.RUNNING, vector=DISPATCHED * 2)
            return [WriteConflict(0, write.version, state, 0.0, is_event_gone=True)]
        return await super().commit(writes, notifications, **options)


async def test_of_two_waits_that_have_found_the_same_event_the_first_one_takes_it() -> None:
    store, claim = InboxStore(), work_of(SAGA, "TT")
    state = replace(claim.state, vector=DISPATCHED * 2)
    both = [
        Outcome(replace(claim, state=state, step=step, number=step + 1), ev.Succeeded(step), b"1", consumes="e-1")
        for step in (0, 1)
    ]
    graph_of_two = graph(wait("review"), dataclasses.replace(wait("appeal"), names=("review",)))

    await committer_over(store)._commit(
        [OutcomeGroup(SAGA, graph_of_two, 1, state, None, 0.0, both)], Notifications(), wait=True, alone=True
    )

    (write,) = store.written
    assert [(each.step, each.event) for each in write.consumptions] == [(0, "e-1")]
    assert [(delay.step, delay.after_seconds) for delay in write.delays] == [(1, 0.0)]
