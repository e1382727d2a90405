"""Events that are sent to sagas, and the commands that wait for them or for a moment."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Final

import pytest
from msgspec.structs import replace

from saga.core.definition.step import Wait
from saga.core.ids import RANDOM_BYTES, uuid7
from saga.core.state.phase import Phase
from saga.errors import UsageError
from saga.ports.inbox import InboxEvent, Receipt
from saga.ports.values.claim import Claim
from saga.ports.values.start import Start
from saga.ports.values.write import Consumption, Delay, Drop, Parking, Write
from saga.testing.suites.store.stage import (
    COMPENSATE,
    SERVICE,
    StageProcess,
    StoreStage,
    graph,
    moved,
    queued,
    ref,
    unmoved,
)
from saga.testing.suites.timeout import TIMEOUT_SECONDS

LATER_SECONDS: Final = 3_600.0
REVIEW: Final = InboxEvent("r-1", "review", b'{"ok":true}')
SECOND_REVIEW: Final = InboxEvent("r-2", "review", b'{"ok":false}')
CANCEL: Final = InboxEvent("c-1", "cancelled", b"null")


def wait(name: str = "reviewed", *names: str) -> Wait:
    return Wait(
        name=name, names=names or ("review",), wait_ms=None, after=(), service=SERVICE, pivot=False, retriable=False
    )


def parked(claim: Claim, *names: str, seconds: float | None = None, is_kept: bool = True) -> Write:
    """A write that ends a claim without an outcome: its command waits for these events, or for the moment."""
    delay = Delay(claim.step, claim.number, LATER_SECONDS, 0.0, claim.failures, None)
    parking = Parking(claim.step, seconds, names, is_kept)
    write = Write(claim.saga, claim.version, changed=False, state=claim.state)
    return replace(write, delays=[delay], parkings=[parking])


def consumed(start: Start, event: InboxEvent, *, version: int = 1, step: int = 0) -> Write:
    """A write that ends the saga with an event as the outcome of its wait."""
    write = moved(start, "S" * len(start.state.vector), Phase.COMPLETED, version=version)
    return replace(write, drops=[Drop(step, None)], consumptions=[Consumption(step, event.event)])


class WaitStage(StoreStage):
    """Sagas that wait, and senders."""

    async def waiting(self, process: StageProcess, *names: str) -> Start:
        """A saga whose wait is parked for these events, by default for a review."""
        start = await self.started(process, definition=graph(wait("reviewed", *names), name="waiting"))
        assert await process.commit(parked(await process.poll_one(), *(names or ("review",)))) == []
        return start

    async def send(self, process: StageProcess, start: Start, event: InboxEvent = REVIEW) -> None:
        """Sends an event as a sender does that is not cut off."""
        assert await process.adapter.inbox.send(start.saga, event) is Receipt.KEPT
        await process.adapter.inbox.wake(start.saga)

    async def takers(self, process: StageProcess, start: Start) -> dict[str, int | None]:
        """The steps that have consumed the events of a saga, by the ids of the events."""
        return {event.event: event.step for event in await process.adapter.inbox.events(start.saga)}


class WaitTests(WaitStage):
    """Events, and what is parked for them."""

    # Sending

    async def test_id_of_event_counts_once(self) -> None:
        process = await self.process()
        start, inbox = await self.started(process), process.adapter.inbox
        assert await inbox.send(start.saga, REVIEW) is Receipt.KEPT
        assert await inbox.send(start.saga, REVIEW) is Receipt.REPEATED
        for other in (replace(REVIEW, payload=b"1"), replace(REVIEW, name="cancelled")):
            assert await inbox.send(start.saga, other) is Receipt.DIFFERENT
        (kept,) = await inbox.events(start.saga)
        assert (kept.event, kept.name, kept.payload, kept.step) == ("r-1", "review", REVIEW.payload, None)

    async def test_event_for_saga_that_has_ended_is_not_kept(self) -> None:
        process = await self.process()
        start, inbox = await self.started(process), process.adapter.inbox
        assert await inbox.send(start.saga, REVIEW) is Receipt.KEPT
        assert await process.commit(consumed(start, REVIEW)) == []
        assert await inbox.send(start.saga, REVIEW) is Receipt.REPEATED
        assert await inbox.send(start.saga, SECOND_REVIEW) is Receipt.ENDED
        assert await inbox.send(uuid7(0, bytes(RANDOM_BYTES)), REVIEW) is Receipt.NO_SAGA
        assert await self.takers(process, start) == {"r-1": 0}

    async def test_first_event_of_the_names_is_found(self) -> None:
        process = await self.process()
        one, other, inbox = await self.started(process), await self.started(process), process.adapter.inbox
        for event in (CANCEL, REVIEW, SECOND_REVIEW):
            await self.send(process, one, event)
        found = await inbox.first(
            [
                (other.saga, ["review"]),
                (one.saga, ["review", 'a "name", {not} known']),
                (one.saga, ["review", "cancelled"]),
                (one.saga, ["elsewhere"]),
                (one.saga, []),
            ]
        )
        assert found == [None, REVIEW, CANCEL, None, None]
        assert [event.event for event in await inbox.events(one.saga)] == ["c-1", "r-1", "r-2"]
        assert await inbox.first([]) == []

    async def test_event_in_callers_transaction_is_kept_with_it(self) -> None:
        process = await self.process()
        start, inbox = await self.waiting(process), process.adapter.inbox
        async with self.rolled_back(process) as connection:
            assert await inbox.send(start.saga, REVIEW, connection=connection) is Receipt.KEPT
            assert await inbox.send(start.saga, REVIEW, connection=connection) is Receipt.REPEATED
        assert await inbox.events(start.saga) == []
        async with process.adapter.transaction() as connection:
            assert await inbox.send(start.saga, REVIEW, connection=connection) is Receipt.KEPT
            assert await inbox.events(start.saga) == []
        assert await inbox.wake_overlooked() == 1
        assert (await process.poll_one()).saga == start.saga

    async def test_saga_can_get_event_in_the_transaction_that_starts_it(self) -> None:
        process = await self.process()
        start, inbox = await self.ready(process), process.adapter.inbox
        async with process.adapter.transaction() as connection:
            assert await process.start(start, connection=connection) == []
            assert await inbox.send(start.saga, REVIEW, connection=connection) is Receipt.KEPT
        assert await self.takers(process, start) == {"r-1": None}

    async def test_connection_without_transaction_is_refused(self) -> None:
        process = await self.process()
        start = await self.started(process)
        with pytest.raises(UsageError):
            await process.adapter.inbox.send(start.saga, REVIEW, connection=object())
        assert await self.takers(process, start) == {}

    # Consuming

    async def test_event_is_consumed_once(self) -> None:
        process = await self.process()
        start = await self.started(process, "DD")
        await self.send(process, start)
        first = replace(moved(start, "SD"), drops=[Drop(0, None)], consumptions=[Consumption(0, "r-1")])
        assert await process.commit(first) == []
        (conflict,) = await process.commit(consumed(start, REVIEW, version=2, step=1))
        assert (conflict.position, conflict.version, conflict.is_event_gone) == (0, 2, True)
        assert conflict.state == (await self.version_and_state(process, start))[1]
        assert await self.held(process, start) == {1}
        assert await self.takers(process, start) == {"r-1": 0}
        assert await process.adapter.inbox.first([(start.saga, ["review"])]) == [None]

    async def test_nothing_is_written_for_an_event_that_was_never_sent(self) -> None:
        process = await self.process()
        start, other = await self.started(process), await self.started(process)
        await self.send(process, other)
        found = await process.commit(consumed(start, REVIEW), consumed(other, REVIEW))
        assert [(conflict.position, conflict.is_event_gone) for conflict in found] == [(0, True)]
        assert (await self.version_and_state(process, start))[0] == 1
        assert await self.held(process, start) == {0}
        assert (await self.version_and_state(process, other))[1].phase is Phase.COMPLETED

    async def test_two_steps_of_a_commit_never_consume_one_event(self) -> None:
        process = await self.process()
        start = await self.started(process, "DD")
        await self.send(process, start)
        both = [Consumption(0, "r-1"), Consumption(1, "r-1")]
        (conflict,) = await process.commit(replace(moved(start, "SS"), consumptions=both))
        assert conflict.is_event_gone
        assert await self.takers(process, start) == {"r-1": None}

    async def test_event_stays_if_the_write_is_a_conflict(self) -> None:
        process = await self.process()
        start, other = await self.started(process), await self.started(process)
        for each in (start, other):
            await self.send(process, each)
        found = await process.commit(consumed(start, REVIEW, version=7), consumed(other, REVIEW))
        assert [(conflict.position, conflict.is_event_gone) for conflict in found] == [(0, False)]
        assert await self.takers(process, start) == {"r-1": None}
        assert await self.takers(process, other) == {"r-1": 0}

    async def test_event_stays_if_the_transaction_is_rolled_back(self) -> None:
        process = await self.process()
        start = await self.started(process)
        await self.send(process, start)
        async with self.rolled_back(process) as connection:
            assert await process.commit(consumed(start, REVIEW), wait=True, connection=connection) == []
        assert await self.takers(process, start) == {"r-1": None}
        async with process.adapter.transaction() as connection:
            assert await process.commit(consumed(start, REVIEW), wait=True, connection=connection) == []
        assert await self.takers(process, start) == {"r-1": 0}

    # Parking and waking

    async def test_event_wakes_what_waits_for_its_name(self) -> None:
        process = await self.process()
        start = await self.waiting(process, "review", "appeal")
        await self.send(process, start, CANCEL)
        assert await process.poll() == []
        await self.send(process, start)
        assert (await process.poll_one()).step == 0
        assert await self.takers(process, start) == {"c-1": None, "r-1": None}

    async def test_event_wakes_its_own_saga_alone(self) -> None:
        process = await self.process()
        _, start = await self.waiting(process), await self.waiting(process)
        await self.send(process, start)
        assert [claim.saga for claim in await process.poll()] == [start.saga]

    async def test_service_hears_that_a_command_is_woken(self) -> None:
        process = await self.process()
        start = await self.waiting(process)
        peer = await self.process()
        await peer.notify_service(SERVICE)  # hears at all
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await peer.heard.queue.get()
            await self.send(process, start)
            assert await peer.heard.queue.get() == SERVICE

    async def test_event_that_comes_before_the_parking_makes_it_due(self) -> None:
        process = await self.process()
        start = await self.started(process, definition=graph(wait(), name="waiting"))
        claim = await process.poll_one()
        await self.send(process, start)
        assert await process.commit(parked(claim, "review")) == []
        assert (await process.poll_one()).step == 0

    async def test_consumed_event_makes_nothing_due(self) -> None:
        process = await self.process()
        start = await self.started(process, "DD")
        await self.send(process, start)
        one, other = await process.poll()
        first = replace(moved(start, "SD"), drops=[Drop(0, one.number)], consumptions=[Consumption(0, "r-1")])
        assert await process.commit(first, replace(parked(other, "review"), version=2)) == []
        assert await process.poll() == []

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
        assert await process.adapter.inbox.send(start.saga, REVIEW) is Receipt.KEPT
        peer = await self.process()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not (claims := await peer.poll()):
                await peer.heartbeat(full=True)
        assert [claim.saga for claim in claims] == [start.saga]
        assert await peer.adapter.inbox.wake_overlooked() == 0

    async def test_parked_command_counts_as_held(self) -> None:
        process = await self.process()
        start = await self.waiting(process)
        assert await self.held(process, start) == {0}

    # Moments

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
        for seconds in (LATER_SECONDS, 60.0):
            write = replace(unmoved(start), parkings=[Parking(0, seconds, is_kept=False)])
            assert await process.commit(write) == []
        (found,) = await process.fetch(ref(start))
        assert found.until is not None
        assert 0 < found.until - (claim.lease_ends + claim.store_clock) < 60
        assert await process.commit(replace(unmoved(start), parkings=[Parking(0, None, is_kept=False)])) == []
        assert (await process.fetch(ref(start)))[0].until is None

    async def test_moment_comes_with_the_progress(self) -> None:
        process = await self.process()
        start = await self.started(process)
        claim = await process.poll_one()
        progress = b'{"page":3,"progress":{}}'
        assert await process.adapter.store.extend([claim], process=process.id, progress=progress) == set()
        assert await process.commit(replace(unmoved(start), parkings=[Parking(0, LATER_SECONDS)])) == []
        (found,) = await process.fetch(ref(start))
        assert (found.progress, found.until is None) == (progress, False)

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

    # Around

    async def test_events_are_purged_with_their_saga(self) -> None:
        process = await self.process()
        start, other = await self.started(process), await self.started(process)
        for each in (start, other):
            await self.send(process, each)
        assert await process.commit(consumed(start, REVIEW)) == []
        await self.advance(0.01)
        assert await process.adapter.retention.purge(0.0, 10) == 1
        assert await self.takers(process, start) == {}
        assert await self.takers(process, other) == {"r-1": None}

    async def test_schemas_of_events_are_kept_with_the_definition(self) -> None:
        process = await self.process()
        directory, schemas = process.adapter.directory, {"review": {"type": "object"}}
        plan = dataclasses.replace(graph(wait(), name="reviewed"), event_schemas=schemas)
        number = await directory.register(plan, None, activate=True, overwrite=False)
        assert (await directory.graph(number)).event_schemas == schemas
        assert (await directory.find("reviewed", 1))[1].event_schemas == schemas
        assert (await directory.find("reviewed", None))[1].event_schemas == schemas
