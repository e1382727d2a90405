"""Commands that wait for events or for a moment."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from saga.core.state.phase import Phase
from saga.ports.inbox import Receipt
from saga.ports.values.start import Start
from saga.ports.values.write import Consumption, Delay, Drop, Parking
from saga.testing.suites.store.stage import (
    COMPENSATE,
    SERVICE,
    graph,
    moved,
    queued,
    ref,
    unmoved,
)
from saga.testing.suites.store.waits.stage import (
    CANCEL,
    LATER_SECONDS,
    REVIEW,
    SECOND_REVIEW,
    WaitStage,
    parked,
    wait,
)
from saga.testing.suites.timeout import TIMEOUT_SECONDS


class ParkingTests(WaitStage):
    """Commands that are parked, and woken."""

    async def test_event_wakes_what_waits_for_its_name(self) -> None:
        process = await self.process()
        start, other = [await self.waiting(process, "review", "appeal") for _ in range(2)]
        assert await self.held(process, start) == await self.held(process, other) == {0}
        await self.send(process, start, CANCEL)
        assert await process.poll() == []
        peer = await self.process()
        await peer.notify_service(SERVICE)  # hears at all
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await peer.heard.queue.get()
            await self.send(process, start)
            assert await peer.heard.queue.get() == SERVICE
        assert (await process.poll_one()).saga == start.saga
        assert await self.takers(process, start) == {"c-1": None, "r-1": None}

    async def test_sagas_of_a_group_are_woken_together(self) -> None:
        process = await self.process()
        inbox, starts = process.adapter.inbox, [await self.waiting(process) for _ in range(4)]
        one, other, cancelled, unwoken = (start.saga for start in starts)
        events = [(one, REVIEW), (other, REVIEW), (other, SECOND_REVIEW), (cancelled, CANCEL), (unwoken, REVIEW)]
        assert await inbox.send(events) == [Receipt.KEPT] * 5
        await inbox.wake([one, other, other, cancelled])
        assert {claim.saga for claim in await process.poll()} == {one, other}
        assert await inbox.wake_overlooked() == 1
        assert {claim.saga for claim in await process.poll()} == {unwoken}

    async def test_event_that_comes_before_the_parking_makes_it_due(self) -> None:
        process = await self.process()
        start = await self.started(process, definition=graph(wait(), name="waiting"))
        claim = await process.poll_one()
        await self.send(process, start)
        assert await process.commit(parked(claim, "review")) == []
        assert (await process.poll_one()).step == 0
        both = await self.started(process, "DD")
        await self.send(process, both)
        one, other = await process.poll()
        first = replace(moved(both, "SD"), drops=[Drop(0, one.number)], consumptions=[Consumption(0, "r-1")])
        assert await process.commit(first, replace(parked(other, "review"), version=2)) == []
        assert await process.poll() == []  # nothing is left for it

    async def test_event_for_paused_saga_waits_for_the_end_of_the_pause(self) -> None:
        process = await self.process()
        start = await self.started(process, definition=graph(wait(), name="waiting"))
        assert await process.commit(parked(await process.poll_one(), "review", seconds=LATER_SECONDS)) == []
        await self.paused(process, start)
        await self.send(process, start)
        assert await process.poll() == []
        await self.send(process, start, SECOND_REVIEW)
        assert await process.poll() == []
        resumed = moved(start, "D", version=2)
        assert await process.commit(replace(resumed, dispatches=[queued()])) == []
        assert (await process.poll_one()).until is not None

    async def test_only_the_newest_claim_parks_its_command(self) -> None:
        process = await self.process()
        start = await self.started(process, definition=graph(wait(), name="waiting"))
        claim = await process.poll_one()
        assert await process.commit(parked(replace(claim, number=claim.number - 1), "review", seconds=9.0)) == []
        assert (await process.fetch(ref(start)))[0].until is None

    async def test_overlooked_event_is_noticed_by_any_process(self) -> None:
        process = await self.process()
        start = await self.waiting(process)
        assert await process.adapter.inbox.wake_overlooked() == 0
        assert await process.adapter.inbox.send([(start.saga, REVIEW)]) == [Receipt.KEPT]
        peer = await self.process()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not (claims := await peer.poll()):
                await peer.heartbeat(full=True)
        assert [claim.saga for claim in claims] == [start.saga]
        assert await peer.adapter.inbox.wake_overlooked() == 0

    async def test_moment_is_kept(self) -> None:
        process = await self.process()
        definition = graph(wait(), name="waiting")
        start = await self.ready(process, definition=definition)
        assert await process.start(replace(start, parkings=[Parking(0, LATER_SECONDS)])) == []
        claim = await process.poll_one()
        assert claim.until is not None
        assert 3_500 < claim.until - (claim.lease_ends + claim.store_clock) < 3_600  # a lease is 30 seconds
        assert claim.progress is None
        again = replace(unmoved(start), dispatches=[queued()], parkings=[Parking(0, 1.0)])
        delayed = replace(parked(claim, seconds=2.0), delays=[Delay(0, claim.number, 0.0, 0.0, 0, None)])
        for write in (delayed, again):
            assert await process.commit(write) == []
        assert (await process.poll_one()).until == claim.until

    async def test_moment_is_replaced_if_it_is_not_to_be_kept(self) -> None:
        process = await self.process()
        start = await self.started(process)
        claim = await process.poll_one()
        progress = b'{"page":3,"progress":{}}'
        assert await process.adapter.store.extend([claim], process=process.id, progress=progress) == set()
        for seconds in (LATER_SECONDS, 60.0):
            write = replace(unmoved(start), parkings=[Parking(0, seconds, is_kept=False)])
            assert await process.commit(write) == []
        (found,) = await process.fetch(ref(start))
        assert found.until is not None
        assert found.progress == progress
        assert 0 < found.until - (claim.lease_ends + claim.store_clock) < 60
        assert await process.commit(replace(unmoved(start), parkings=[Parking(0, None, is_kept=False)])) == []
        assert (await process.fetch(ref(start)))[0].until is None

    async def test_progress_that_looks_like_a_moment_is_progress(self) -> None:
        process = await self.process()
        start = await self.started(process)
        claim = await process.poll_one()
        progress = b'{"$until":1,"progress":2}'
        assert await process.adapter.store.extend([claim], process=process.id, progress=progress) == set()
        (found,) = await process.fetch(ref(start))
        assert (found.until, found.progress) == (None, progress)

    async def test_timeouts_that_have_passed_are_extended(self) -> None:
        """Those of commands that wait for an event, parked or claimed. A timer, and a timeout that has time left, stay as they are."""
        process = await self.process()
        moments: dict[str, tuple[Start, float]] = {}
        for name, names, seconds in (("late", ["review"], -5.0), ("early", ["review"], 60.0), ("timer", [], -5.0)):
            start = await self.started(process, definition=graph(wait(), name="waiting"))
            write = parked(await process.poll_one(), *names, seconds=seconds)
            due = replace(write, delays=[replace(write.delays[0], after_seconds=0.0)])
            assert await process.commit(due) == []
            moments[name] = start, (await process.poll_one()).until or 0.0
        inbox = process.adapter.inbox

        assert (await inbox.extend_timeouts(30.0), await inbox.extend_timeouts(30.0)) == (1, 0)

        moved = {
            name: ((await process.fetch(ref(start)))[0].until or 0.0) - moment
            for name, (start, moment) in moments.items()
        }
        assert moved == {"late": pytest.approx(35.0, abs=3.0), "early": 0.0, "timer": 0.0}

    async def test_another_operation_loses_moment_and_names(self) -> None:
        process = await self.process()
        start = await self.started(process)
        assert await process.commit(parked(await process.poll_one(), "review", seconds=LATER_SECONDS)) == []
        compensating = moved(start, "K", Phase.COMPENSATING)
        undo = queued(operation=COMPENSATE, after_seconds=LATER_SECONDS)
        assert await process.commit(replace(compensating, dispatches=[undo])) == []
        await self.send(process, start)
        assert await process.poll() == []
        write = moved(start, "K", Phase.COMPENSATING, version=2)
        assert await process.commit(replace(write, dispatches=[replace(undo, after_seconds=0.0)])) == []
        assert (await process.poll_one()).until is None
