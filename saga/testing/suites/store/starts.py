"""Store suite: starts and start keys."""

from __future__ import annotations

from uuid import uuid4

import pytest
from msgspec.structs import replace

from saga.core.state.phase import Phase
from saga.errors import NotFound, SagaError
from saga.ports.values.notification import Notifications
from saga.ports.values.start import TakenKey
from saga.testing.suites.store.stage import INPUT, SERVICE, TRACE, StoreStage, delivery, graph, queued, ref, state, step
from saga.testing.suites.timeout import soon


class StartTests(StoreStage):
    """E1: sagas are started once."""

    async def test_a_started_saga_exists_with_its_input(self) -> None:
        process = await self.process()
        start = await self.started(process, "DP")

        snapshot = await process.adapter.ledger.snapshot(start.saga)

        assert (snapshot.version, snapshot.state) == (1, state("DP"))
        assert (snapshot.definition, snapshot.input, snapshot.results) == (start.definition, INPUT, {})
        assert snapshot.ended_at is None

    async def test_a_started_saga_has_its_command_in_the_queue(self) -> None:
        process = await self.process()
        start = await self.started(process)

        claim = await process.poll_one()

        assert (claim.saga, claim.step, claim.state, claim.input) == (start.saga, 0, state("D"), INPUT)

    async def test_a_start_can_assign_its_command_to_a_process(self) -> None:
        process = await self.process()
        start = replace(await self.ready(process), dispatches=[process.for_me()])
        await process.start(start)

        (claim,) = await process.fetch()

        assert (claim.saga, claim.number, claim.deliveries) == (start.saga, start.dispatches[0].claim, 1)
        assert await process.poll() == []

    async def test_a_command_for_a_dead_process_goes_into_the_queue(self) -> None:
        process, other = await self.process(), await self.process()
        start = replace(await self.ready(process), dispatches=[other.for_me()])
        await other.adapter.membership.leave()
        await process.start(start)

        assert (await process.poll_one()).saga == start.saga

    async def test_every_claim_of_a_saga_has_its_trace(self) -> None:
        process = await self.process()
        traced = replace(await self.ready(process), trace=TRACE, dispatches=[process.for_me()])
        await process.start(traced)
        await self.started(process)

        (fetched,) = await process.fetch()
        polled = await process.poll_one()

        assert (fetched.trace, polled.trace) == (TRACE, None)

    async def test_a_claim_delivered_by_a_bus_has_the_trace(self) -> None:
        process = await self.process()
        start = replace(await self.ready(process), trace=TRACE, dispatches=[])
        await process.start(start)

        (claim,) = await process.admit(delivery(start))

        assert claim.trace == TRACE

    async def test_a_start_key_names_its_saga(self) -> None:
        process = await self.process()
        start = replace(await self.ready(process), key="1017")
        await process.start(start)

        assert await process.adapter.ledger.find_key(start.definition_name, "1017") == start.saga
        assert await process.adapter.ledger.find_key(start.definition_name, "1018") is None

    async def test_a_taken_key_starts_nothing_and_returns_the_saga_that_has_it(self) -> None:
        process = await self.process()
        first = replace(await self.ready(process), key="1017")
        second = replace(await self.ready(process), key="1017")
        await process.start(first)

        assert await process.start(second) == [TakenKey(0, first.saga, is_same_input=True)]
        with pytest.raises(NotFound):
            await process.adapter.ledger.snapshot(second.saga)
        assert len(await process.poll()) == 1

    async def test_a_taken_key_with_another_input_is_reported(self) -> None:
        process = await self.process()
        first = replace(await self.ready(process), key="1017")
        second = replace(await self.ready(process), key="1017", input_hash=b"another")
        await process.start(first)

        assert await process.start(second) == [TakenKey(0, first.saga, is_same_input=False)]

    async def test_a_key_that_is_twice_in_a_batch_starts_once(self) -> None:
        process = await self.process()
        starts = [replace(await self.ready(process), key="1017") for _ in range(2)]

        (taken,) = await process.start(*starts)

        assert taken.saga == starts[1 - taken.position].saga
        assert len(await process.poll()) == 1

    async def test_a_taken_key_does_not_affect_the_rest_of_its_batch(self) -> None:
        process = await self.process()
        first = replace(await self.ready(process), key="1017")
        await process.start(first)
        batch = [await self.ready(process), replace(await self.ready(process), key="1017"), await self.ready(process)]

        taken = await process.start(*batch)

        assert [entry.position for entry in taken] == [1]
        assert {claim.saga for claim in await process.poll()} == {first.saga, batch[0].saga, batch[2].saga}

    async def test_a_key_is_free_under_another_definition(self) -> None:
        process = await self.process()
        other = graph(step("other"), name="other")
        await process.start(replace(await self.ready(process), key="1017"))

        assert await process.start(replace(await self.ready(process, definition=other), key="1017")) == []

    async def test_a_batch_with_a_failing_start_starts_nothing(self) -> None:
        process = await self.process()
        first, second = await self.started(process), await self.ready(process)

        with pytest.raises(SagaError):
            await process.start(second, first)

        with pytest.raises(NotFound):
            await process.adapter.ledger.snapshot(second.saga)

    async def test_a_repeated_start_starts_nothing_twice(self) -> None:
        process = await self.process()
        first, second = await self.started(process), await self.ready(process)

        assert await process.start(first, second, is_retry=True) == []

        assert await self.version_and_state(process, first) == (1, first.state)
        assert {claim.saga for claim in await process.poll()} == {first.saga, second.saga}

    async def test_a_repeated_start_finds_its_own_key(self) -> None:
        process = await self.process()
        start = replace(await self.ready(process), key="1017")
        await process.start(start)

        taken = await process.start(start, is_retry=True)

        assert [(entry.saga, entry.is_same_input) for entry in taken] in ([], [(start.saga, True)])
        assert len(await process.poll()) == 1

    async def test_a_start_in_a_callers_transaction_waits_for_its_commit(self) -> None:
        process, other = await self.process(), await self.process()
        start = await self.ready(process)

        async with process.adapter.transaction() as connection:
            await process.start(start, connection=connection)
            assert await other.poll() == []

        assert (await other.poll_one()).saga == start.saga

    async def test_a_start_in_a_callers_transaction_is_rolled_back_with_it(self) -> None:
        process = await self.process()
        start = replace(await self.ready(process), key="1017")

        async with self.rolled_back(process) as connection:
            await process.start(start, connection=connection)

        assert await process.adapter.ledger.find_key(start.definition_name, "1017") is None
        assert await process.poll() == []

    async def test_a_deadline_counts_from_the_start_on_the_stores_clock(self) -> None:
        process = await self.process()
        start = replace(await self.ready(process), deadline_seconds=60.0)
        await process.start(start)

        snapshot = await process.adapter.ledger.snapshot(start.saga)

        assert snapshot.state.deadline == pytest.approx(snapshot.started_at + 60.0, abs=0.001)

    async def test_a_saga_knows_which_process_waits_for_it(self) -> None:
        process = await self.process()
        start = await self.ready(process)
        await process.start(start, waiter=process.id)

        assert (await process.poll_one()).waiter == process.id

    async def test_a_saga_that_ends_as_it_starts_is_never_overdue(self) -> None:
        process = await self.process()
        start = await self.ready(process, "S")
        await process.start(replace(start, state=state("S", Phase.COMPLETED), deadline_seconds=0.0))

        snapshot = await process.adapter.ledger.snapshot(start.saga)

        assert snapshot.ended_at is not None
        assert await process.adapter.store.overdue(10, None) == []

    async def test_a_start_notifies_the_service_of_the_queue(self) -> None:
        process, other = await self.process(), await self.process()
        await process.start(await self.ready(process), notifications=Notifications(services={SERVICE}))

        assert await soon(other.heard.queue.get()) == SERVICE

    async def test_a_start_notifies_the_process_that_it_assigns_a_command_to(self) -> None:
        process, other = await self.process(), await self.process()
        start = replace(await self.ready(process), dispatches=[other.for_me()])
        await process.start(start, notifications=Notifications(claim_refs={other.id: [ref(start)]}))

        assert await soon(other.heard.claim_refs.get()) == [ref(start)]
        assert [claim.saga for claim in await other.fetch(ref(start))] == [start.saga]

    async def test_a_saga_that_was_never_started_is_not_found(self) -> None:
        process = await self.process()

        with pytest.raises(NotFound):
            await process.adapter.ledger.snapshot(uuid4())

    async def test_a_start_with_several_commands_queues_each(self) -> None:
        process = await self.process()
        start = replace(await self.ready(process, "DD"), dispatches=[queued(0), queued(1)])
        await process.start(start)

        assert {claim.step for claim in await process.poll()} == {0, 1}

    async def test_an_older_version_can_be_activated_again(self) -> None:
        directory = (await self.adapter()).directory
        numbers = [
            await directory.register(graph(step("a"), version=version), None, activate=version != 2, overwrite=False)
            for version in (1, 2, 3)
        ]

        befores = [await directory.activate("order", version) for version in (1, 1, 2)]

        assert befores == [3, 1, 1]
        assert (await directory.find("order", None))[0] == numbers[1]
        for name, version in (("order", 4), ("ordr", 1)):
            with pytest.raises(NotFound):
                await directory.activate(name, version)

    async def test_a_version_that_is_the_first_to_be_activated_follows_none(self) -> None:
        directory = (await self.adapter()).directory
        await directory.register(graph(step("a")), None, activate=False, overwrite=False)

        assert await directory.activate("order", 1) is None
