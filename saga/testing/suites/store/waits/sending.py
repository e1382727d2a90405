"""Sending events, and consuming them with the outcome of a step."""

from __future__ import annotations

import dataclasses

import pytest
from msgspec.structs import replace

from saga.core.ids import RANDOM_BYTES, uuid7
from saga.core.state.phase import Phase
from saga.errors import UsageError
from saga.ports.inbox import COMPLETION_PREFIX, EVENTS_BYTES_MAX, EVENTS_MAX, Receipt
from saga.ports.values.write import Consumption, Drop
from saga.testing.suites.store.stage import (
    graph,
    moved,
)
from saga.testing.suites.store.waits.stage import (
    CANCEL,
    REVIEW,
    SECOND_REVIEW,
    WaitStage,
    consumed,
    wait,
)


class EventTests(WaitStage):
    """Events in the inbox."""

    async def test_id_of_event_counts_once(self) -> None:
        process = await self.process()
        start, inbox = await self.started(process), process.adapter.inbox
        assert await inbox.send([(start.saga, REVIEW)]) == [Receipt.KEPT]
        assert await inbox.send([(start.saga, REVIEW)]) == [Receipt.REPEATED]
        for other in (replace(REVIEW, payload=b"1"), replace(REVIEW, name="cancelled")):
            assert await inbox.send([(start.saga, other)]) == [Receipt.DIFFERENT]
        (kept,) = await inbox.events(start.saga)
        assert (kept.event, kept.name, kept.payload, kept.step) == ("r-1", "review", REVIEW.payload, None)

    async def test_event_for_saga_that_has_ended_is_not_kept(self) -> None:
        process = await self.process()
        start, inbox = await self.started(process), process.adapter.inbox
        assert await inbox.send([(start.saga, REVIEW)]) == [Receipt.KEPT]
        assert await process.commit(consumed(start, REVIEW)) == []
        assert await inbox.send([(start.saga, REVIEW)]) == [Receipt.REPEATED]
        assert await inbox.send([(start.saga, SECOND_REVIEW)]) == [Receipt.ENDED]
        assert await inbox.send([(uuid7(0, bytes(RANDOM_BYTES)), REVIEW)]) == [Receipt.NO_SAGA]
        assert await self.takers(process, start) == {"r-1": 0}

    async def test_each_event_of_a_group_has_its_receipt(self) -> None:
        process = await self.process()
        one, other, ended = [await self.started(process) for _ in range(3)]
        inbox, changed = process.adapter.inbox, replace(REVIEW, payload=b"1")
        assert await inbox.send([(ended.saga, REVIEW), (one.saga, CANCEL)]) == [Receipt.KEPT] * 2
        assert await process.commit(consumed(ended, REVIEW)) == []
        group = [
            (other.saga, REVIEW), (one.saga, REVIEW), (one.saga, CANCEL), (one.saga, changed), (one.saga, REVIEW),
            (ended.saga, SECOND_REVIEW), (ended.saga, REVIEW), (ended.saga, changed), (uuid7(0, bytes(RANDOM_BYTES)), REVIEW),
        ]  # fmt: skip
        assert await inbox.send(group) == [
            Receipt.KEPT, Receipt.KEPT, Receipt.REPEATED, Receipt.DIFFERENT, Receipt.REPEATED,
            Receipt.ENDED, Receipt.REPEATED, Receipt.DIFFERENT, Receipt.NO_SAGA,
        ]  # fmt: skip
        assert [event.event for event in await inbox.events(one.saga)] == ["c-1", "r-1"]
        assert (await inbox.first([(one.saga, ["review"])]))[0] == REVIEW
        assert await inbox.send([]) == []

    async def test_a_saga_has_a_limited_number_of_events(self) -> None:
        process = await self.process()
        full, heavy = await self.started(process), await self.started(process)
        inbox, more = process.adapter.inbox, [(full, SECOND_REVIEW), (heavy, SECOND_REVIEW)]
        await inbox.send([(full.saga, replace(REVIEW, event=f"{n}")) for n in range(EVENTS_MAX)])
        await inbox.send(
            [(heavy.saga, replace(REVIEW, payload=b"1" * (EVENTS_BYTES_MAX - len(SECOND_REVIEW.payload) + 1)))]
        )
        assert await inbox.send([(start.saga, event) for start, event in more]) == [Receipt.FULL] * 2
        assert await inbox.send([(full.saga, replace(REVIEW, event="0"))]) == [Receipt.REPEATED]
        completion = replace(SECOND_REVIEW, name=f"{COMPLETION_PREFIX}asked")
        assert (
            await inbox.send([(full.saga, completion), (heavy.saga, replace(CANCEL, payload=b"1"))])
            == [Receipt.KEPT] * 2
        )

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
        with pytest.raises(UsageError):
            await inbox.send([(start.saga, REVIEW)], connection=object())
        async with self.rolled_back(process) as connection:
            assert await inbox.send([(start.saga, REVIEW)], connection=connection) == [Receipt.KEPT]
            assert await inbox.send([(start.saga, REVIEW)], connection=connection) == [Receipt.REPEATED]
        assert await inbox.events(start.saga) == []
        async with process.adapter.transaction() as connection:
            assert await inbox.send([(start.saga, REVIEW)], connection=connection) == [Receipt.KEPT]
            assert await inbox.events(start.saga) == []
        assert await inbox.wake_overlooked() == 1
        assert (await process.poll_one()).saga == start.saga
        new = await self.ready(process)
        async with process.adapter.transaction() as connection:
            assert await process.start(new, connection=connection) == []
            assert await inbox.send([(new.saga, REVIEW)], connection=connection) == [Receipt.KEPT]
        assert await self.takers(process, new) == {"r-1": None}

    async def test_event_is_consumed_once(self) -> None:
        process = await self.process()
        start = await self.started(process, "DD")
        await self.send(process, start)
        both = [Consumption(0, "r-1"), Consumption(1, "r-1")]
        (conflict,) = await process.commit(replace(moved(start, "SS"), consumptions=both))
        assert conflict.is_event_gone
        assert await self.takers(process, start) == {"r-1": None}
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
