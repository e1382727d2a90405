"""The group committer over a store that refuses on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

import pytest
from msgspec.structs import replace

from saga.core.rules import events as ev
from saga.core.rules.decide import decide
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State, initial_state
from saga.errors import InputRefused, Locked, SagaError, ServerFailed, Unavailable
from saga.memory.adapter import MemoryAdapter
from saga.memory.data.database import Database
from saga.ports.adapter import StoreOptions
from saga.ports.clock import SystemClock
from saga.ports.membership import Peer
from saga.ports.values.claim import Claim, CommandRef
from saga.ports.values.notification import Notifications
from saga.ports.values.write import Write, WriteConflict
from saga.runtime.commit.committer import CONFLICTS_MAX, Committer
from saga.runtime.commit.outcome_queue import OutcomeQueue
from saga.runtime.planning.commit_plan import CommitPlan
from saga.runtime.planning.outcome import Outcome
from saga.runtime.planning.outcome_group import OutcomeGroup, group_of
from saga.runtime.planning.planner import CommitPlanner
from saga.runtime.telemetry import SILENT
from saga.runtime.timing.store_clock import StoreClock
from tests.core.graphs import chain, shaped
from tests.runtime.routers import router_with
from tests.runtime.world import until

SAGA, OTHER = UUID(int=1), UUID(int=2)
PEER = 7


class RefusingStore:
    """Refuses the first commits with these errors, accepts the others, and keeps their writes and notifications."""

    def __init__(self, *errors: SagaError) -> None:
        self.errors = list(errors)
        self.written: list[Write] = []
        self.told: list[CommandRef] = []
        self.told_whole: list[Claim] = []

    async def commit(self, writes: Sequence[Write], notifications: Notifications, **_: object) -> list[WriteConflict]:
        if self.errors:
            raise self.errors.pop(0)
        self.written += writes
        self.told += notifications.claim_refs.get(PEER, [])
        self.told_whole += notifications.claims.get(PEER, [])
        return []


async def test_an_outcome_that_cannot_be_stored_does_not_suppress_other_notifications() -> None:
    store = RefusingStore(InputRefused("a result that cannot be written"))
    committer = committer_over(store)
    committer.queue.notify(Notifications(claim_refs={PEER: [CommandRef(OTHER, 0)]}))
    committer.queue.add(poisoned_group())
    run = asyncio.create_task(committer.run())

    async with asyncio.timeout(5):
        await committer.queue.drained()

    run.cancel()
    assert CommandRef(OTHER, 0) in store.told


async def test_inline_claims_of_a_failed_commit_are_sent_as_references() -> None:
    for error in (Unavailable("the answer was lost"), InputRefused("a result that cannot be written")):
        store = RefusingStore(error)
        committer = committer_over(store)
        committer.queue.notify(
            Notifications(claim_refs={PEER: [CommandRef(OTHER, 0)]}, claims={PEER: [work_of(OTHER)]})
        )
        committer.queue.add(poisoned_group())
        run = asyncio.create_task(committer.run())

        async with asyncio.timeout(5):
            await committer.queue.drained()

        run.cancel()
        assert CommandRef(OTHER, 0) in store.told
        assert OTHER not in {claim.saga for claim in store.told_whole}


@pytest.mark.parametrize("error", [Locked("by the lost one"), ServerFailed("57014"), InputRefused("too long")])
async def test_claims_of_a_lost_commit_are_looked_for_whatever_the_next_attempt_meets(error: SagaError) -> None:
    committer = committer_over(RefusingStore(Unavailable("the answer was lost"), error))
    after = committer._after_commit = Nothing()

    await committed(committer, poisoned_group())

    assert after.recoveries > 0


class PickyStore(RefusingStore):
    """Refuses every commit that contains this saga or this notification."""

    def __init__(self, error: SagaError, *, saga: UUID | None = None, ref: CommandRef | None = None) -> None:
        super().__init__()
        self.refusal: SagaError | None = error
        self.saga, self.ref = saga, ref

    async def commit(
        self, writes: Sequence[Write], notifications: Notifications, **options: object
    ) -> list[WriteConflict]:
        is_met = self.ref in notifications.claim_refs.get(PEER, []) or any(write.saga == self.saga for write in writes)
        if self.refusal is not None and is_met:
            raise self.refusal
        return await super().commit(writes, notifications, **options)

    def sagas(self) -> set[UUID]:
        return {write.saga for write in self.written}


async def test_a_saga_at_which_the_server_fails_holds_up_no_other_and_is_committed_at_last() -> None:
    store = PickyStore(ServerFailed("XX000"), saga=SAGA)
    committer = committer_over(store)
    committer.queue.notify(Notifications(claim_refs={PEER: [CommandRef(OTHER, 3)]}))
    for number in range(4):
        committer.queue.add(replace(poisoned_group(), saga=UUID(int=number + 1)))
    run = asyncio.create_task(committer.run())
    await until(lambda: len(store.sagas()) == 3, "the others are committed")
    committer.queue.add(replace(poisoned_group(), saga=UUID(int=9)))
    await until(lambda: UUID(int=9) in store.sagas(), "so is what comes later")
    assert [claim.saga for claim in committer.queue.unsettled().values()] == [SAGA]
    store.refusal = None

    async with asyncio.timeout(5):
        await committer.queue.drained()

    run.cancel()
    assert SAGA in store.sagas()
    assert CommandRef(OTHER, 3) in store.told
    assert not committer.queue.unsettled()


async def test_notifications_that_cannot_be_sent_fail_no_outcome_and_are_dropped() -> None:
    for error in (InputRefused("too long"), ServerFailed("54000")):
        store = PickyStore(error, ref=CommandRef(OTHER, 3))
        committer = committer_over(store)
        committer.queue.notify(Notifications(claim_refs={PEER: [CommandRef(OTHER, 3)]}))
        committer.queue.add(poisoned_group())
        run = asyncio.create_task(committer.run())

        async with asyncio.timeout(5):
            await committer.queue.drained()

        run.cancel()
        assert [result.value for write in store.written for result in write.results] == [b"1"]
        assert store.told == []


async def test_only_the_claim_of_the_last_attempt_is_sent_inline() -> None:
    store = RefusingStore(Unavailable("the answer was lost"))
    committer = committer_over(store, serving="service")
    committer.queue.add(poisoned_group("XX"))
    run = asyncio.create_task(committer.run())

    async with asyncio.timeout(5):
        await committer.queue.drained()

    run.cancel()
    (made,) = [dispatch.claim for write in store.written for dispatch in write.dispatches]
    assert [claim.number for claim in store.told_whole] == [made]


async def test_the_next_step_gets_the_recorded_one_of_two_successes_in_a_batch() -> None:
    store = RefusingStore()
    committer = committer_over(store, serving="service")
    group = poisoned_group("XX")
    group.outcomes.append(Outcome(work_of(SAGA), ev.Succeeded(0), b"2"))
    committer.queue.add(group)
    run = asyncio.create_task(committer.run())

    async with asyncio.timeout(5):
        await committer.queue.drained()

    run.cancel()
    recorded = [(result.step, result.value) for write in store.written for result in write.results]
    assert recorded[0] == (0, b"1")
    assert [claim.results for claim in store.told_whole] == [{0: b"1"}]


async def test_a_result_from_a_plan_that_met_a_conflict_is_never_handed_over() -> None:
    graph, claim = shaped(((), (), (0, 1)), "XXX"), work_of(SAGA)
    state = decide(
        graph, initial_state(graph, now=0.0), [ev.Started()], now=0.0, jitter=0.0, enforce_deadline=False
    ).state
    outcomes = [
        Outcome(replace(claim, step=step, number=step + 1, state=state), ev.Succeeded(step), value)
        for step, value in enumerate((b'"mine"', b'"b"'))
    ]
    store = MovingStore(replace(state, vector="S" + state.vector[1:]))
    committer = committer_over(store, serving="service")
    committer.queue.add(OutcomeGroup(SAGA, graph, 1, state, None, 0.0, outcomes))
    run = asyncio.create_task(committer.run())

    async with asyncio.timeout(5):
        await committer.queue.drained()

    run.cancel()
    assert [(claim.step, claim.results) for claim in store.told_whole] == [(2, {1: b'"b"'})]


async def test_the_conflicts_of_a_batch_are_retried_together_and_at_last_each_alone() -> None:
    store = ConflictingStore(times=CONFLICTS_MAX)
    committer = committer_over(store)
    for number in range(3):
        group = poisoned_group()
        committer.queue.add(replace(group, saga=UUID(int=number + 1)))
    run = asyncio.create_task(committer.run())

    async with asyncio.timeout(5):
        await committer.queue.drained()

    run.cancel()
    assert store.tries == [(3, False)] * CONFLICTS_MAX + [(1, True)] * 3
    assert len(store.written) == 3


async def test_claims_are_unsettled_until_their_outcomes_are_committed() -> None:
    committer = committer_over(RefusingStore())
    group = poisoned_group()
    committer.queue.add(group)
    before = committer.queue.unsettled()
    run = asyncio.create_task(committer.run())

    async with asyncio.timeout(5):
        await committer.queue.drained()

    run.cancel()
    assert before == {1: group.outcomes[0].claim}
    assert committer.queue.unsettled() == {}


class ConflictingStore(RefusingStore):
    """Conflicts with every write that many times, as if its row was locked; `tries` are (writes, `wait`)."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times
        self.tries: list[tuple[int, bool]] = []

    async def commit(
        self, writes: Sequence[Write], notifications: Notifications, **options: object
    ) -> list[WriteConflict]:
        self.tries.append((len(writes), bool(options["wait"])))
        if len(self.tries) <= self.times:
            return [WriteConflict(position, write.version, write.state, 0.0) for position, write in enumerate(writes)]
        return await super().commit(writes, notifications, **options)


class FailingStore(RefusingStore):
    """Fails with an error that is not one of Saga's while it is given what `is_bad` names."""

    def __init__(self, is_bad: Callable[[Write], bool], error: Exception) -> None:
        super().__init__()
        self.is_bad, self.failure = is_bad, error

    async def commit(self, writes: Sequence[Write], notifications: Notifications, **_: object) -> list[WriteConflict]:
        if any(map(self.is_bad, writes)):
            raise self.failure
        return await super().commit(writes, notifications)


async def committed(committer: Committer, *groups: OutcomeGroup) -> None:
    """Commits these groups together, and makes sure that the committer is alive afterwards."""
    for group in groups:
        committer.queue.add(group)
    run = asyncio.create_task(committer.run())
    async with asyncio.timeout(10):
        await committer.queue.drained()
    assert not run.done()
    run.cancel()


async def test_an_unforeseen_error_of_one_outcome_fails_that_outcome_only() -> None:
    store = FailingStore(lambda write: any(result.value == b"bad" for result in write.results), TypeError("foreign"))
    bad, good = poisoned_group(), group_of(chain("X"), Outcome(work_of(OTHER), ev.Succeeded(0), b"1"))
    bad.outcomes[0].value = b"bad"

    await committed(committer_over(store), bad, good)

    assert {write.saga: [result.value for result in write.results] for write in store.written}[OTHER] == [b"1"]
    (failed,) = [write for write in store.written if write.saga == SAGA]
    assert "its outcome cannot be stored: TypeError: foreign" in str(failed.state.reason)


async def test_an_unforeseen_error_that_passes_changes_no_outcome() -> None:
    failures = [1, 1]
    store = FailingStore(lambda _: bool(failures and failures.pop()), TypeError("foreign"))

    await committed(committer_over(store), poisoned_group())

    assert [result.value for write in store.written for result in write.results] == [b"1"]


async def test_a_letter_that_the_database_lacks_is_written_as_an_escape() -> None:
    def is_foreign(write: Write) -> bool:
        return not str(write.state.reason).isascii()

    store = FailingStore(is_foreign, InputRefused("no equivalent in LATIN1"))
    claim, other = work_of(SAGA, "XX"), work_of(OTHER, "XX")
    rejected = group_of(chain("XX"), Outcome(claim, ev.Rejected(0, "нет"), is_fenced=True))
    requested = group_of(chain("XX"), Outcome(other, None))
    requested.extra = [ev.RollbackRequested("брак")]

    await committed(committer_over(store), rejected, requested)

    reasons = {write.saga: write.state.reason for write in store.written}
    assert str(reasons[SAGA]).endswith(": \\u043d\\u0435\\u0442")
    assert reasons[OTHER] == "\\u0431\\u0440\\u0430\\u043a"


async def test_an_old_rejection_is_dropped_although_another_step_was_never_claimed() -> None:
    """Two fences, and a conflict does not tell which is broken: it was tried for as long as the newer claim ran."""
    store, graph, claim = NewerClaimStore(), shaped([(), ()], "XX"), work_of(SAGA, "XX")
    claim.state = replace(claim.state, vector="DD")

    await committed(committer_over(store), group_of(graph, Outcome(claim, ev.Rejected(0, "no"), is_fenced=True)))

    assert store.tries == CONFLICTS_MAX + 2
    assert store.written == []


class NewerClaimStore(RefusingStore):
    """No step but the first was ever claimed, and that one has a newer claim than the one that rejects."""

    tries = 0

    async def unclaimed(self, refs: Sequence[CommandRef]) -> set[CommandRef]:
        return set(refs)

    async def commit(self, writes: Sequence[Write], *_: object, **__: object) -> list[WriteConflict]:
        self.tries += 1
        return [
            WriteConflict(0, write.version, replace(write.state, phase=Phase.RUNNING, vector="DD", reason=None), 0.0)
            for write in writes
            if write.fences
        ]


class MovingStore(RefusingStore):
    """Conflicts with the first write: another process has moved the row to `state`."""

    def __init__(self, state: State) -> None:
        super().__init__()
        self.state: State | None = state

    async def commit(
        self, writes: Sequence[Write], notifications: Notifications, **options: object
    ) -> list[WriteConflict]:
        state, self.state = self.state, None
        if state is not None:
            return [WriteConflict(0, writes[0].version + 1, state, 0.0)]
        return await super().commit(writes, notifications, **options)


def committer_over(store: RefusingStore, serving: str | None = None) -> Committer:
    clock = SystemClock()
    router = router_with(room=False)
    if serving is not None:
        router.update([Peer(PEER, "peer", frozenset({serving}), 10, 0, 0.0)])
    adapter = MemoryAdapter(Database(clock, 0.0), StoreOptions())
    adapter.store = store  # type: ignore[assignment]  # the committer commits, and does nothing else
    planner = CommitPlanner(StoreClock(clock), router, AlwaysEnforced(), 30.0)
    return Committer(adapter.store, clock, router.identity, OutcomeQueue(), planner, Nothing(), SILENT.meter)


class AlwaysEnforced:
    def is_deadline_enforced(self) -> bool:
        return True


class Nothing:
    """Does nothing after a commit, and counts the recoveries."""

    def __init__(self) -> None:
        self.recoveries = 0

    def committed(self, group: OutcomeGroup, plan: CommitPlan) -> None: ...

    def recovered(self) -> None:
        self.recoveries += 1


def poisoned_group(modes: str = "X") -> OutcomeGroup:
    graph = chain(modes)
    claim = work_of(SAGA, modes)
    return OutcomeGroup(SAGA, graph, 1, claim.state, None, 0.0, [Outcome(claim, ev.Succeeded(0), b"1")])


def work_of(saga: UUID, modes: str = "X") -> Claim:
    graph = chain(modes)
    state = decide(
        graph, initial_state(graph, now=0.0), [ev.Started()], now=0.0, jitter=0.0, enforce_deadline=False
    ).state
    return Claim(
        saga=saga, step=0, operation=Operation.EXECUTE, number=1, definition=1, version=1, state=state, waiter=None,
        input=b"{}", results={}, deliveries=1, failures=0, first_failed_ago=0.0, lease_ends=0.0, quiet_at=0.0,
        progress=None, store_clock=0.0,
    )  # fmt: skip
