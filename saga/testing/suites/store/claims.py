"""Store suite: claims of commands. Poll and admit."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from msgspec.structs import replace

from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.ports.values.claim import DeliveredCommand
from saga.ports.values.start import Start
from saga.ports.values.write import Delay, Result
from saga.testing.suites.store.stage import (
    COMPENSATE,
    EXECUTE,
    INPUT,
    OTHER_SERVICE,
    SERVICE,
    VOID_OR_REPORT,
    StageProcess,
    StoreStage,
    delivery,
    graph,
    moved,
    queued,
    step,
    unmoved,
)


class ClaimTests(StoreStage):
    """E2: each command has at most one claim (G1)."""

    async def test_a_claim_is_exclusive(self) -> None:
        process, other = await self.process(), await self.process()
        await self.started(process)

        assert len(await process.poll()) == 1
        assert await other.poll() == []

    async def test_processes_that_poll_together_share_the_queue(self) -> None:
        processes = [await self.process() for _ in range(3)]
        starts = [await self.started(processes[0]) for _ in range(30)]

        polled = await asyncio.gather(*(process.poll(limit=20) for process in processes))
        polled.append(await processes[0].poll())

        sagas = [claim.saga for batch in polled for claim in batch]
        assert sorted(sagas) == sorted(start.saga for start in starts)

    async def test_the_oldest_command_is_polled_first(self) -> None:
        process = await self.process()
        starts = [await self.started(process) for _ in range(3)]

        polled = [(await process.poll(limit=1))[0].saga for _ in starts]

        assert polled == [start.saga for start in starts]

    async def test_a_poll_returns_at_most_its_limit(self) -> None:
        process = await self.process(SERVICE, OTHER_SERVICE)
        plan = graph(step("a"), step("b", OTHER_SERVICE), name="two_services")
        for _ in range(3):
            await self.started(process, "DD", definition=plan)

        assert len(await process.poll(SERVICE, OTHER_SERVICE, limit=4)) == 4
        assert len(await process.poll(SERVICE, OTHER_SERVICE, limit=4)) == 2

    async def test_a_poll_returns_commands_of_its_services_only(self) -> None:
        process = await self.process()
        plan = graph(step("a"), step("b", OTHER_SERVICE), name="two_services")
        await self.started(process, "DD", definition=plan)

        assert [claim.step for claim in await process.poll(OTHER_SERVICE)] == [1]
        assert await process.poll("nobody") == []

    async def test_claims_are_numbered_upwards_from_the_first_claim(self) -> None:
        process = await self.process()
        for _ in range(2):
            await self.started(process)

        claims = await process.adapter.store.poll([SERVICE], 10, process=process.id, first_claim=40, durable=False)

        assert sorted(claim.number for claim in claims) == [41, 42]

    async def test_a_claim_has_everything_that_its_execution_needs(self) -> None:
        process = await self.process()
        plan = graph(step("first"), step("second", reads=(0,)), name="reading")
        start = await self.ready(process, "SD", definition=plan)
        await process.start(replace(start, dispatches=[]), waiter=7)
        write = replace(moved(start, "SD"), results=[Result(0, 1, b'"x"')], dispatches=[queued(1)])
        await process.commit(write)

        claim = await process.poll_one()

        assert (claim.operation, claim.definition, claim.version) == (EXECUTE, start.definition, 2)
        assert (claim.input, claim.results, claim.waiter) == (INPUT, {0: b'"x"'}, 7)
        assert (claim.deliveries, claim.failures, claim.first_failed_ago, claim.progress) == (1, 0, 0.0, None)

    async def test_a_claim_has_only_the_results_that_its_step_reads(self) -> None:
        process = await self.process()
        plan = graph(step("first"), step("second"), step("third", reads=(1,)), name="reading")
        start = await self.started(process, "SSD", definition=plan)
        await process.commit(replace(moved(start, "SSD"), results=[Result(0, 1, b"1"), Result(1, 1, b"2")]))

        assert (await process.poll_one()).results == {1: b"2"}

    async def test_a_compensation_receives_the_result_of_its_own_step(self) -> None:
        process = await self.process()
        start = await self.started(process, "D")
        results = [Result(0, 1, b"7")]
        undo = moved(start, "K", Phase.COMPENSATING)
        await process.commit(replace(undo, results=results, dispatches=[queued(0, COMPENSATE)]))

        claim = await process.poll_one()

        assert (claim.operation, claim.results, claim.state.phase) == (COMPENSATE, {0: b"7"}, Phase.COMPENSATING)

    @pytest.mark.parametrize(("letter", "operation"), [("U", EXECUTE), ("K", COMPENSATE)])
    async def test_a_single_step_is_undone_while_its_saga_runs(self, letter: str, operation: Operation) -> None:
        process = await self.process()
        start = await self.started(process, "D")
        undo = replace(moved(start, letter), dispatches=[queued(0, operation)])
        await process.commit(undo)

        claim = await process.poll_one()

        assert (claim.operation, claim.state) == (operation, undo.state)

    async def test_a_step_without_a_result_has_nothing_to_read(self) -> None:
        process = await self.process()
        start = await self.started(process, "D")
        undo = moved(start, "K", Phase.COMPENSATING)
        await process.commit(replace(undo, results=[Result(0, 1, None)], dispatches=[queued(0, COMPENSATE)]))

        assert (await process.poll_one()).results == {}
        assert (await process.adapter.ledger.snapshot(start.saga)).results == {}

    async def test_an_obsolete_command_is_dropped_when_it_is_polled(self) -> None:
        process = await self.process()
        start = await self.started(process)
        await process.commit(moved(start, "S"))

        assert await process.poll() == []
        assert await self.held(process, start) == frozenset()

    async def test_a_poll_returns_valid_commands_and_drops_obsolete_ones(self) -> None:
        process = await self.process()
        over, open_ = await self.started(process), await self.started(process)
        await process.commit(moved(over, "S"))

        assert [claim.saga for claim in await process.poll()] == [open_.saga]

    async def test_a_command_of_a_paused_saga_is_parked(self) -> None:
        process = await self.process()
        start = await self.started(process)
        await self.paused(process, start)

        assert await process.poll() == []
        assert await self.held(process, start) == {0}

    async def test_a_command_of_a_resumed_saga_is_handed_out_as_for_the_first_time(self) -> None:
        process = await self.process()
        start = await self.started(process)
        await self.paused(process, start)
        await process.poll()
        await process.commit(replace(moved(start, "D", version=2), dispatches=[queued()]))

        assert (await process.poll_one()).deliveries == 1

    async def test_a_delivered_command_is_claimed(self) -> None:
        process = await self.process()
        start = await self.unqueued(process)

        (claim,) = await process.admit(delivery(start))

        assert (claim.saga, claim.step, claim.operation, claim.deliveries) == (start.saga, 0, EXECUTE, 1)
        assert await self.held(process, start) == {0}

    async def test_deliveries_are_claimed_under_consecutive_numbers(self) -> None:
        process = await self.process()
        starts = [await self.unqueued(process) for _ in range(2)]
        deliveries = [delivery(start) for start in starts]

        claims = await process.adapter.store.admit(
            deliveries, [SERVICE, SERVICE], process=process.id, first_claim=40, durable=False
        )

        assert {claim.saga: claim.number for claim in claims} == {starts[0].saga: 41, starts[1].saga: 42}

    async def test_two_admissions_of_one_command_claim_once(self) -> None:
        process, other = await self.process(), await self.process()
        start = await self.unqueued(process)

        claimed = await asyncio.gather(process.admit(delivery(start)), other.admit(delivery(start)))

        assert sorted(map(len, claimed)) == [0, 1]
        assert await process.admit(delivery(start)) == []

    async def test_a_command_that_is_delivered_twice_in_a_batch_is_claimed_once(self) -> None:
        process = await self.process()
        start, other = await self.unqueued(process), await self.unqueued(process)

        claims = await process.admit(delivery(start), delivery(other), delivery(start))

        assert sorted(claim.saga for claim in claims) == sorted([start.saga, other.saga])

    async def test_batches_that_overlap_in_different_order_do_not_deadlock(self) -> None:
        process, other = await self.process(), await self.process()
        deliveries = [delivery(await self.started(process)) for _ in range(20)]

        claimed = await asyncio.gather(process.admit(*deliveries), other.admit(*reversed(deliveries)))

        assert len(claimed[0]) + len(claimed[1]) == len(deliveries)

    @pytest.mark.parametrize("operation", [COMPENSATE, VOID_OR_REPORT])
    async def test_an_obsolete_delivery_is_refused(self, operation: Operation) -> None:
        process = await self.process()
        start = await self.unqueued(process)

        assert await process.admit(delivery(start, operation=operation)) == []
        assert await self.held(process, start) == frozenset()

    async def test_a_delivery_for_an_unknown_saga_or_step_is_refused(self) -> None:
        process = await self.process()
        start = await self.unqueued(process)

        assert await process.admit(DeliveredCommand(uuid4(), 0, EXECUTE), delivery(start, 7)) == []

    async def test_a_delivery_to_a_service_that_does_not_own_the_step_is_refused(self) -> None:
        process = await self.process()
        start = await self.unqueued(process)

        claims = await process.adapter.store.admit(
            [delivery(start)], [OTHER_SERVICE], process=process.id, first_claim=40, durable=True
        )

        assert claims == []
        assert await self.held(process, start) == frozenset()

    async def test_a_delivery_for_a_paused_saga_is_refused(self) -> None:
        process = await self.process()
        start = await self.unqueued(process)
        await self.paused(process, start)

        assert await process.admit(delivery(start)) == []

    async def test_a_delivery_claims_a_queued_command(self) -> None:
        process = await self.process()
        start = await self.started(process)

        assert len(await process.admit(delivery(start))) == 1
        assert await process.poll() == []

    async def test_a_delivery_of_a_command_that_waits_for_a_retry_is_refused(self) -> None:
        process = await self.process()
        start = await self.started(process)
        claim = await process.poll_one()
        await process.commit(replace(unmoved(start), delays=[Delay(0, claim.number, 3600.0, 0.0, 1, "broke")]))

        assert await process.admit(delivery(start)) == []

    async def test_another_operation_takes_over_the_command_of_a_claim(self) -> None:
        process, other = await self.process(), await self.process()
        start = await self.started(process)
        held = await process.poll_one()
        await process.extend(held, isolated=True)
        await process.commit(moved(start, "K", Phase.COMPENSATING))

        (claim,) = await other.admit(delivery(start, operation=COMPENSATE))

        assert (claim.operation, claim.deliveries, claim.failures, claim.isolated_attempts) == (COMPENSATE, 1, 0, 0)
        assert await process.extend(held) == {held.number}

    async def test_every_delivery_is_counted_before_it_runs(self) -> None:
        process = await self.process()
        start = await self.started(process)
        counts = []
        for failures in range(1, 4):
            (claim,) = await process.admit(delivery(start)) or await process.poll()
            counts.append(claim.deliveries)
            await process.commit(replace(unmoved(start), delays=[Delay(0, claim.number, 0.0, 0.0, failures, "broke")]))

        assert counts == [1, 2, 3]

    async def unqueued(self, process: StageProcess) -> Start:
        """A saga whose command travels on a bus."""
        start = replace(await self.ready(process), dispatches=[])
        assert await process.start(start) == []
        return start
