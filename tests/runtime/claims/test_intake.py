"""A claim is run once, however often it arrives: it is one permission to call (G24). Found by seeds of the simulation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from uuid import UUID

import pytest

from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.memory.adapter import MemoryAdapter
from saga.memory.data.database import Database
from saga.ports.adapter import StoreOptions
from saga.ports.values.claim import Claim, CommandRef
from saga.runtime.claims import intake as module
from saga.runtime.claims.intake import Intake
from saga.runtime.claims.poll_requests import PollRequests
from saga.runtime.claims.poller import POLL_SECONDS, POLLED_AT_ONCE, Poller
from saga.runtime.commit.outcome_queue import OutcomeQueue
from saga.runtime.identity import ProcessIdentity
from saga.testing.clocks.hand_clock import HandClock
from tests.runtime.world import ended, until

RUNNING = State(Phase.RUNNING, "D", rollback_requested=False, paused=False, deadline=None, reason=None)


class Claims:
    """A store that only returns claims, and a process that runs one of them at a time."""

    def __init__(self) -> None:
        self.held: list[Claim] = []
        self.ran: list[int] = []
        self._ends = asyncio.Semaphore(0)
        self.clock = clock = HandClock(1.0)
        adapter = MemoryAdapter(Database(clock, 0.0), StoreOptions())
        adapter.store.fetch = self._fetch  # type: ignore[method-assign, assignment]
        adapter.store.poll = self._poll  # type: ignore[method-assign, assignment]
        self.queued: list[Claim] = []
        self.polled: list[int] = []  # how many were asked for, each time
        self.requests = PollRequests(lease_seconds=30.0)
        self.intake = Intake(clock, self.requests)
        self.intake.run_with(self)
        self.poller = Poller(adapter.store, clock, ProcessIdentity(), self.requests, self.intake, OutcomeQueue())

    def serve(self, capacity: int) -> None:
        self.intake.serve(capacity)
        self.poller.serve(["service"], durable=True)

    async def _fetch(self, _refs: Sequence[CommandRef], **_: object) -> list[Claim]:
        return list(self.held)

    async def _poll(self, _services: Sequence[str], limit: int, **_: object) -> list[Claim]:
        self.polled.append(limit)
        claims, self.queued = self.queued[:limit], self.queued[limit:]
        return claims

    async def run(self, claim: Claim) -> None:
        self.ran.append(claim.number)
        await self._ends.acquire()

    def let_end(self, count: int = 10_000) -> None:
        """Lets that many claims end, later ones too."""
        for _ in range(count):
            self._ends.release()

    async def are_quick(self, count: int) -> None:
        """Lets that many claims end within HOLD_SECONDS."""
        self.let_end(count)
        self.intake.add([work_of(claim) for claim in range(count)])
        await until(lambda: self.intake.in_flight == 0, "they have ended")
        await self.clock.advance(module.HOLD_SECONDS)
        self.polled.clear()


@pytest.fixture
async def claims() -> AsyncIterator[Claims]:
    claims = Claims()
    claims.serve(1)
    loop = asyncio.create_task(claims.poller.run())
    yield claims
    await ended(loop)
    await claims.poller.drain(0.0)


async def test_a_claim_that_is_notified_twice_is_run_once(claims: Claims) -> None:
    claims.let_end()
    claims.intake.add_notified([work_of(1)])
    await until(lambda: claims.intake.in_flight == 0, "it has ended")

    claims.intake.add_notified([work_of(1), work_of(2)])

    await until(lambda: 2 in claims.ran and claims.intake.in_flight == 0, "the other one has ended")
    assert claims.ran == [1, 2]


async def test_a_claim_that_was_fetched_before_the_answer_that_made_it_is_run_once(claims: Claims) -> None:
    """The reply to the admission comes after everything was fetched: one claim is running, the other waits for room."""
    claims.held = [work_of(1), work_of(2)]
    claims.requests.poll(everything=True)
    await until(lambda: claims.intake.in_flight == 2, "they are fetched")

    claims.intake.add([work_of(1), work_of(2)])
    assert claims.intake.in_flight == 2
    claims.let_end()
    await until(lambda: claims.intake.in_flight == 0, "they have ended")
    claims.intake.add([work_of(1), work_of(2)])

    assert (claims.intake.in_flight, claims.ran) == (0, [1, 2])


async def test_notified_claims_are_not_remembered_for_ever(claims: Claims, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NOTIFIED_MAX", 10)
    claims.let_end()

    for claim in range(100):
        claims.intake.add_notified([work_of(claim)])

    assert len(claims.intake._notified) == 10


async def test_the_first_of_many_claims_end_before_the_last_begin(claims: Claims) -> None:
    """Their outcomes are committed while the others run."""
    claims.serve(10 * module.BEGUN_AT_ONCE)
    claims.let_end()
    begun: list[int] = []

    def look() -> None:
        begun.append(len(claims.ran))
        if claims.intake.in_flight:
            asyncio.get_running_loop().call_soon(look)

    claims.intake.add([work_of(claim) for claim in range(5 * module.BEGUN_AT_ONCE)])
    look()
    await until(lambda: claims.intake.in_flight == 0, "they have ended")

    assert {later - earlier for earlier, later in pairwise(begun)} <= {0, module.BEGUN_AT_ONCE}
    assert claims.ran == list(range(5 * module.BEGUN_AT_ONCE))


async def test_claims_that_take_their_time_run_together(claims: Claims) -> None:
    claims.serve(10 * module.BEGUN_AT_ONCE)

    claims.intake.add([work_of(claim) for claim in range(5 * module.BEGUN_AT_ONCE)])

    await until(lambda: len(claims.ran) == 5 * module.BEGUN_AT_ONCE, "all of them have begun")
    claims.let_end()


async def test_a_claim_that_is_cancelled_in_the_turn_in_which_it_begins_frees_its_place(claims: Claims) -> None:
    lost = work_of(1)
    claims.intake.add([lost, work_of(2)])

    assert claims.intake.cancel(lost)

    await until(lambda: 2 in claims.ran, "the place of the first is free")
    assert claims.intake.in_flight == 1
    claims.let_end()


async def test_no_more_is_polled_than_can_run_at_once(claims: Claims) -> None:
    """Even while not all of many claims have begun."""
    claims.serve(2 * module.BEGUN_AT_ONCE)
    claims.queued = [work_of(claim) for claim in range(10 * module.BEGUN_AT_ONCE)]

    claims.requests.poll()
    await until(lambda: len(claims.ran) == claims.intake.capacity, "as many run as can")
    await claims.poller._poll()

    assert claims.intake.in_flight == claims.intake.capacity
    claims.let_end()
    await until(lambda: len(claims.ran) == 10 * module.BEGUN_AT_ONCE, "all have run")


async def test_claims_are_polled_ahead_of_slots_that_free_soon(claims: Claims) -> None:
    """Something then runs while the store is polled."""
    await claims.are_quick(7)
    claims.queued = [work_of(claim) for claim in range(100, 200)]

    claims.requests.poll()

    await until(lambda: claims.polled, "the queue was asked")
    assert (claims.polled, claims.intake.in_flight) == ([1 + 7], 1 + 7)


async def test_the_rate_is_not_measured_over_a_moment(claims: Claims) -> None:
    """A heartbeat may come right after a poll: three claims within a millisecond are not 750 in a quarter of a second."""
    await claims.are_quick(7)
    claims.intake.measure_rate()
    claims.let_end(3)
    claims.intake.add([work_of(claim) for claim in range(100, 103)])
    await until(lambda: claims.intake.in_flight == 0, "they have ended")
    await claims.clock.advance(0.001)

    claims.intake.measure_rate()

    assert await claims.intake.wait_for_room() == 1 + 7


async def test_a_large_free_capacity_is_polled_for_in_parts(claims: Claims) -> None:
    await claims.are_quick(10 * POLLED_AT_ONCE)
    claims.queued = [work_of(claim) for claim in range(100_000, 101_000)]

    claims.requests.poll()

    await until(lambda: claims.intake.in_flight == 1000, "all are here")
    assert set(claims.polled) == {POLLED_AT_ONCE}


async def test_each_free_slot_is_polled_for_while_claims_are_slow(claims: Claims) -> None:
    claims.serve(9)
    claims.queued = [work_of(claim) for claim in range(20)]
    await until(lambda: claims.intake.in_flight == 10, "as many run as can")

    for _ in range(3):
        claims.let_end(1)
        await claims.clock.advance(0.0)

    assert claims.polled[-4:] == [10, 1, 1, 1]


async def test_no_single_slot_is_polled_for_while_claims_are_quick(claims: Claims) -> None:
    await claims.are_quick(99)
    claims.queued = [work_of(claim) for claim in range(100, 300)]
    claims.requests.poll()
    await until(lambda: claims.polled, "the queue was asked")

    for _ in range(100):
        claims.let_end(1)
        await claims.clock.advance(0.0)

    assert (claims.polled, claims.intake.in_flight) == ([100, 50, 50], 100)


async def test_a_few_free_slots_are_polled_for_from_time_to_time(claims: Claims) -> None:
    """Otherwise handovers take every free slot first, and queued commands wait for ever."""
    await claims.are_quick(99)
    claims.queued = [work_of(claim) for claim in range(100, 300)]
    claims.requests.poll()
    await until(lambda: claims.polled, "the queue was asked")
    claims.let_end(3)
    await claims.clock.advance(POLL_SECONDS)
    assert claims.polled == [100]

    claims.let_end(1)

    await until(lambda: len(claims.polled) > 1, "the queue was asked again")
    assert claims.polled == [100, 4]


async def test_a_process_that_is_stopping_polls_nothing(claims: Claims) -> None:
    await claims.are_quick(7)
    await claims.poller.drain(0.0)
    claims.queued = [work_of(100)]

    claims.requests.poll()
    await claims.clock.advance(0.0)

    assert claims.polled == []


def work_of(claim: int) -> Claim:
    return Claim(
        saga=UUID(int=claim), step=0, operation=Operation.EXECUTE, number=claim, definition=1, version=1, state=RUNNING, waiter=None,
        input=b"{}", results={}, deliveries=1, failures=0, first_failed_ago=0.0, lease_ends=0.0, quiet_at=0.0,
        progress=None, store_clock=0.0,
    )  # fmt: skip
