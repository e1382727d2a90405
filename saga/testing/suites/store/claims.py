"""Store suite: who may run a command. Pull, admit, fetch, extend."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from msgspec.structs import replace

from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.ports.adapter import StoreOptions
from saga.ports.values.claim import CommandRef, DeliveredCommand
from saga.ports.values.start import Start
from saga.ports.values.write import Delay, Drop, Result
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
    ref,
    step,
    unmoved,
)

LEASE_SECONDS = 0.2


class ClaimTests(StoreStage):
    """E2, and the lease of a claim (G1, G7)."""

    async def test_a_claim_is_exclusive(self) -> None:
        process, other = await self.process(), await self.process()
        await self.started(process)

        assert len(await process.poll()) == 1
        assert await other.poll() == []

    async def test_processes_that_pull_together_share_the_queue(self) -> None:
        processes = [await self.process() for _ in range(3)]
        starts = [await self.started(processes[0]) for _ in range(30)]

        polled = await asyncio.gather(*(process.poll(limit=20) for process in processes))
        polled.append(await processes[0].poll())

        sagas = [claim.saga for batch in polled for claim in batch]
        assert sorted(sagas) == sorted(start.saga for start in starts)

    async def test_the_oldest_command_is_pulled_first(self) -> None:
        process = await self.process()
        starts = [await self.started(process) for _ in range(3)]

        polled = [(await process.poll(limit=1))[0].saga for _ in starts]

        assert polled == [start.saga for start in starts]

    async def test_a_pull_takes_no_more_than_its_limit(self) -> None:
        process = await self.process(SERVICE, OTHER_SERVICE)
        plan = graph(step("a"), step("b", OTHER_SERVICE), name="two_services")
        for _ in range(3):
            await self.started(process, "DD", definition=plan)

        assert len(await process.poll(SERVICE, OTHER_SERVICE, limit=4)) == 4
        assert len(await process.poll(SERVICE, OTHER_SERVICE, limit=4)) == 2

    async def test_a_pull_takes_commands_of_its_services_only(self) -> None:
        process = await self.process()
        plan = graph(step("a"), step("b", OTHER_SERVICE), name="two_services")
        await self.started(process, "DD", definition=plan)

        assert [claim.step for claim in await process.poll(OTHER_SERVICE)] == [1]
        assert await process.poll("nobody") == []

    async def test_claims_are_numbered_from_the_one_after_the_first(self) -> None:
        process = await self.process()
        for _ in range(2):
            await self.started(process)

        claim = await process.adapter.store.poll([SERVICE], 10, process=process.id, first_claim=40, durable=False)

        assert sorted(one.number for one in claim) == [41, 42]

    async def test_work_tells_what_is_needed_to_run_it(self) -> None:
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

    async def test_work_tells_no_more_results_than_it_reads(self) -> None:
        process = await self.process()
        plan = graph(step("first"), step("second"), step("third", reads=(1,)), name="reading")
        start = await self.started(process, "SSD", definition=plan)
        await process.commit(replace(moved(start, "SSD"), results=[Result(0, 1, b"1"), Result(1, 1, b"2")]))

        assert (await process.poll_one()).results == {1: b"2"}

    async def test_a_compensation_gets_the_result_of_its_own_step(self) -> None:
        process = await self.process()
        start = await self.started(process, "D")
        results = [Result(0, 1, b"7")]
        undo = moved(start, "K", Phase.COMPENSATING)
        await process.commit(replace(undo, results=results, dispatches=[queued(0, COMPENSATE)]))

        claim = await process.poll_one()

        assert (claim.operation, claim.results, claim.state.phase) == (COMPENSATE, {0: b"7"}, Phase.COMPENSATING)

    async def test_a_step_without_a_result_has_none_to_read(self) -> None:
        process = await self.process()
        start = await self.started(process, "D")
        undo = moved(start, "K", Phase.COMPENSATING)
        await process.commit(replace(undo, results=[Result(0, 1, None)], dispatches=[queued(0, COMPENSATE)]))

        assert (await process.poll_one()).results == {}
        assert (await process.adapter.ledger.snapshot(start.saga)).results == {}

    async def test_a_command_that_is_not_called_for_is_dropped_when_it_is_pulled(self) -> None:
        process = await self.process()
        start = await self.started(process)
        await process.commit(moved(start, "S"))

        assert await process.poll() == []
        assert await self.held(process, start) == frozenset()

    async def test_what_is_called_for_is_pulled_beside_what_is_not(self) -> None:
        process = await self.process()
        over, open_ = await self.started(process), await self.started(process)
        await process.commit(moved(over, "S"))

        assert [claim.saga for claim in await process.poll()] == [open_.saga]

    async def test_a_paused_sagas_command_is_set_aside(self) -> None:
        process = await self.process()
        start = await self.started(process)
        await self.paused(process, start)

        assert await process.poll() == []
        assert await self.held(process, start) == {0}

    async def test_a_resumed_sagas_command_is_handed_out_as_if_for_the_first_time(self) -> None:
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

    async def test_deliveries_are_claimed_in_their_numbers(self) -> None:
        process = await self.process()
        starts = [await self.unqueued(process) for _ in range(2)]
        deliveries = [delivery(start) for start in starts]

        claim = await process.adapter.store.admit(
            deliveries, [SERVICE, SERVICE], process=process.id, first_claim=40, durable=False
        )

        assert {one.saga: one.number for one in claim} == {starts[0].saga: 41, starts[1].saga: 42}

    async def test_two_admissions_of_one_command_claim_once(self) -> None:
        process, other = await self.process(), await self.process()
        start = await self.unqueued(process)

        claimed = await asyncio.gather(process.admit(delivery(start)), other.admit(delivery(start)))

        assert sorted(map(len, claimed)) == [0, 1]
        assert await process.admit(delivery(start)) == []

    async def test_a_command_that_is_delivered_twice_in_a_batch_is_claimed_once(self) -> None:
        process = await self.process()
        start, other = await self.unqueued(process), await self.unqueued(process)

        claim = await process.admit(delivery(start), delivery(other), delivery(start))

        assert sorted(one.saga for one in claim) == sorted([start.saga, other.saga])

    async def test_batches_that_overlap_in_another_order_do_not_wait_for_each_other_for_ever(self) -> None:
        process, other = await self.process(), await self.process()
        deliveries = [delivery(await self.started(process)) for _ in range(20)]

        claimed = await asyncio.gather(process.admit(*deliveries), other.admit(*reversed(deliveries)))

        assert len(claimed[0]) + len(claimed[1]) == len(deliveries)

    @pytest.mark.parametrize("operation", [COMPENSATE, VOID_OR_REPORT])
    async def test_a_delivery_that_is_not_called_for_is_refused(self, operation: Operation) -> None:
        process = await self.process()
        start = await self.unqueued(process)

        assert await process.admit(delivery(start, operation=operation)) == []
        assert await self.held(process, start) == frozenset()

    async def test_a_delivery_for_an_unknown_saga_or_step_is_refused(self) -> None:
        process = await self.process()
        start = await self.unqueued(process)

        assert await process.admit(DeliveredCommand(uuid4(), 0, EXECUTE), delivery(start, 7)) == []

    async def test_a_delivery_to_another_service_than_the_steps_own_is_refused(self) -> None:
        process = await self.process()
        start = await self.unqueued(process)

        claim = await process.adapter.store.admit(
            [delivery(start)], [OTHER_SERVICE], process=process.id, first_claim=40, durable=True
        )

        assert claim == []
        assert await self.held(process, start) == frozenset()

    async def test_a_delivery_for_a_paused_saga_is_refused(self) -> None:
        process = await self.process()
        start = await self.unqueued(process)
        await self.paused(process, start)

        assert await process.admit(delivery(start)) == []

    async def test_a_delivery_claims_the_command_that_is_queued(self) -> None:
        process = await self.process()
        start = await self.started(process)

        assert len(await process.admit(delivery(start))) == 1
        assert await process.poll() == []

    async def test_a_delivery_of_a_command_that_waits_for_its_next_attempt_is_refused(self) -> None:
        process = await self.process()
        start = await self.started(process)
        claim = await process.poll_one()
        await process.commit(replace(unmoved(start), delays=[Delay(0, claim.number, 3600.0, 0.0, 1, "broke")]))

        assert await process.admit(delivery(start)) == []

    async def test_another_operation_takes_the_command_over_from_its_claim(self) -> None:
        process, other = await self.process(), await self.process()
        start = await self.started(process)
        held = await process.poll_one()
        await process.extend(held, trial=True)
        await process.commit(moved(start, "K", Phase.COMPENSATING))

        (claim,) = await other.admit(delivery(start, operation=COMPENSATE))

        assert (claim.operation, claim.deliveries, claim.failures, claim.trials) == (COMPENSATE, 1, 0, 0)
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

    async def test_a_process_fetches_its_own_claims(self) -> None:
        process, other = await self.process(), await self.process()
        starts = [await self.started(process) for _ in range(3)]
        mine = await process.poll(limit=2)
        await other.poll()

        assert {claim.saga for claim in await process.fetch()} == {claim.saga for claim in mine}
        assert await process.fetch(ref(starts[2])) == []
        assert [claim.saga for claim in await process.fetch(ref(starts[0]))] == [starts[0].saga]

    async def test_a_fetched_claim_is_the_one_that_is_held(self) -> None:
        process = await self.process()
        await self.started(process)
        polled = await process.poll_one()

        (fetched,) = await process.fetch()

        assert (fetched.number, fetched.deliveries) == (polled.number, 1)

    async def test_a_claim_that_is_not_called_for_any_more_is_dropped_when_it_is_fetched(self) -> None:
        process = await self.process()
        start = await self.started(process)
        await process.poll()
        await process.commit(moved(start, "S"))

        assert await process.fetch() == []
        assert await self.held(process, start) == frozenset()

    async def test_a_process_without_claims_fetches_nothing(self) -> None:
        process = await self.process()

        assert await process.fetch() == []
        assert await process.fetch(CommandRef(uuid4(), 0)) == []

    async def test_extending_says_which_claims_are_lost(self) -> None:
        process, other = await self.process(), await self.process()
        starts = {start.saga: start for start in [await self.started(process) for _ in range(3)]}
        kept, taken, dropped = await process.poll()
        await process.commit(replace(unmoved(starts[dropped.saga]), drops=[Drop(0, dropped.number)]))
        given_back = Delay(0, taken.number, 0.0, 0.0, 1, "broke")
        await process.commit(replace(unmoved(starts[taken.saga]), delays=[given_back]))
        await other.poll()

        assert await process.extend(kept, taken, dropped) == {taken.number, dropped.number}

    async def test_a_newer_claim_of_the_same_process_does_not_prolong_the_older_one(self) -> None:
        """G26: it was given back when its lease was over, and the process, which was frozen, has taken the command again."""
        process, other = await self.process(options=StoreOptions(lease_seconds=LEASE_SECONDS)), await self.process()
        await self.started(process)
        older = await process.poll_one()
        await self.advance(LEASE_SECONDS * 1.5)
        assert (await other.heartbeat(full=True)).released == 1
        newer = await process.poll_one()

        assert await process.extend(older, newer) == {older.number}
        assert await process.extend(older, trial=True) == {older.number}
        assert [held.trials for held in await process.fetch()] == [0]

    async def test_a_lease_ends_unless_it_is_extended(self) -> None:
        process = await self.process(options=StoreOptions(lease_seconds=LEASE_SECONDS))
        other = await self.process()
        left, kept = await self.started(process), await self.started(process)
        (claim,) = [claim for claim in await process.poll() if claim.saga == kept.saga]
        await other.extend(claim)  # not its own: changes nothing
        await self.advance(LEASE_SECONDS * 1.5)
        longer = StageProcess(await self.adapter(), process.id, process.heard)  # with the default lease
        await longer.extend(claim)

        assert (await other.heartbeat(full=True)).released == 1
        assert [claim.saga for claim in await other.poll()] == [left.saga]

    async def test_the_end_of_a_lease_is_on_the_clock_of_the_process(self) -> None:
        process = await self.process(options=StoreOptions(lease_seconds=3600.0))
        before = await process.heartbeat()
        start = replace(await self.ready(process), deadline_seconds=3600.0)
        await process.start(start)

        claim = await process.poll_one()

        assert claim.state.deadline is not None
        assert claim.lease_ends + claim.store_clock == pytest.approx(claim.state.deadline, abs=1.0)
        assert claim.store_clock == pytest.approx(before.store_clock, abs=1.0)

    async def unqueued(self, process: StageProcess) -> Start:
        """A saga whose command travels on a bus."""
        start = replace(await self.ready(process), dispatches=[])
        assert await process.start(start) == []
        return start
