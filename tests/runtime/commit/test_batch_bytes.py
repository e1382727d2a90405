"""A statement holds a limited number of bytes, as well as of sagas."""

from __future__ import annotations

from uuid import UUID

from msgspec.structs import replace

from saga.core.rules import events as ev
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.ports.values.claim import Claim
from saga.runtime.commit.outcome_queue import BATCH_BYTES_MAX, OutcomeQueue
from saga.runtime.planning.outcome import Outcome
from saga.runtime.planning.outcome_group import OutcomeGroup, group_of
from tests.core.graphs import chain


def group_with(number: int, size: int | None) -> OutcomeGroup:
    """A saga whose step has returned this many bytes; None: nothing."""
    state = State(Phase.RUNNING, "D", rollback_requested=False, paused=False, deadline=None, reason=None)
    claim = Claim(
        saga=UUID(int=number), step=0, operation=Operation.EXECUTE, number=number, definition=1, version=1,
        state=state, waiter=None, input=b"null", results={}, deliveries=1, failures=0,
        first_failed_ago=0.0, lease_ends=10.0, quiet_at=0.0, progress=None, store_clock=0.0,
    )  # fmt: skip
    return group_of(chain("X"), Outcome(claim, ev.Succeeded(0), None if size is None else bytes(size)))


async def taken(*sizes: int | None) -> list[int]:
    """The numbers of sagas in each batch, one batch after the other."""
    queue, batches = OutcomeQueue(), list[int]()
    for number, size in enumerate(sizes):
        queue.add(group_with(number, size))
    while sum(batches) < len(sizes):
        groups, _ = await queue.take()
        batches.append(len(groups))
    return batches


async def test_sagas_are_committed_together_as_long_as_their_results_fit() -> None:
    half = BATCH_BYTES_MAX // 2
    assert await taken(half, half, 1, half) == [2, 2]
    assert await taken(half, None, half, half, half) == [3, 2]


async def test_a_saga_with_more_than_that_is_committed_alone() -> None:
    whole = BATCH_BYTES_MAX + 1
    assert await taken(whole, whole, 1) == [1, 1, 1]
    assert await taken(1, whole, 1) == [1, 1, 1]


async def test_all_outcomes_of_a_saga_count_and_are_one_write() -> None:
    queue, third = OutcomeQueue(), BATCH_BYTES_MAX // 3
    group = group_with(1, third)
    queue.add(group)
    queue.add(replace(group_with(1, third), outcomes=[replace(group.outcomes[0])]))
    queue.add(group_with(2, 2 * third))
    assert [len(each.outcomes) for each in (await queue.take())[0]] == [2]
