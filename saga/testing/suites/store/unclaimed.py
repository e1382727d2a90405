"""Store suite: the questions of a decision: commands that no process has ever claimed (G135), and the data that conditions read."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Final
from uuid import uuid4

from msgspec.structs import replace

from saga.core.condition.facts import Facts
from saga.core.state.phase import Phase
from saga.ports.values.start import Start
from saga.ports.values.write import PARKED_SECONDS, Delay, Drop, Result, Write
from saga.testing.suites.store.stage import (
    INPUT,
    StageProcess,
    StoreStage,
    delivery,
    graph,
    moved,
    queued,
    ref,
    state,
    step,
    unmoved,
)

BLOCKED_SECONDS: Final = 0.2  # a call that has no answer after this long waits for a lock


class UnclaimedTests(StoreStage):
    """The claim number of a command, the fence that asks for a command without one, and input and results."""

    async def test_decisions_and_checkers_read_input_and_results_of_conditional_sagas(self) -> None:
        process = await self.process()
        conditional = dataclasses.replace(step("b", after=(0,)), condition="steps.a.output > 1")
        start = await self.started(process, "DP", definition=graph(step("a"), conditional, name="conditional"))
        plain = await self.started(process)
        claims = {claim.saga: claim for claim in await process.poll()}
        write = replace(moved(start, "SD"), drops=[Drop(0, claims[start.saga].number)], results=[Result(0, 1, b"7")])
        await process.commit(write)

        facts = await process.adapter.store.facts(start.saga, (0, 1))
        histories = [
            (await process.adapter.listing.histories(saga, 1)).histories[0].facts for saga in (start.saga, plain.saga)
        ]

        assert facts == Facts(INPUT, {0: b"7", 1: None})
        assert histories == [Facts(INPUT, {0: b"7"}), None]

    async def test_a_saga_that_is_gone_has_nothing_that_conditions_read(self) -> None:
        process = await self.process()

        assert await process.adapter.store.facts(uuid4(), (0,)) == Facts(b"null", {0: None})

    async def test_a_queued_command_is_unclaimed_until_a_process_polls_it(self) -> None:
        process = await self.process()
        start = await self.started(process)
        assert await self.is_unclaimed(process, start)

        await process.poll_one()

        assert not await self.is_unclaimed(process, start)

    async def test_a_command_of_a_bus_is_unclaimed_until_it_is_admitted(self) -> None:
        process = await self.process()
        start = await self.delivered(process)
        assert await self.is_unclaimed(process, start)

        assert len(await process.admit(delivery(start))) == 1

        assert not await self.is_unclaimed(process, start)

    async def test_a_command_that_is_assigned_with_a_commit_is_claimed(self) -> None:
        process = await self.process()
        start = await self.started(process, "DP")
        await process.commit(replace(moved(start, "SD"), dispatches=[process.for_me(1)]))

        assert await process.adapter.store.unclaimed([ref(start, 0), ref(start, 1)]) == {ref(start, 0)}

    async def test_the_commands_of_many_sagas_are_told_apart(self) -> None:
        process = await self.process()
        starts = [await self.started(process) for _ in range(3)]
        claimed = {claim.saga for claim in await process.poll(limit=2)}

        found = await process.adapter.store.unclaimed([ref(start) for start in starts])

        assert found == {ref(start) for start in starts if start.saga not in claimed}

    async def test_a_claim_that_was_given_back_stays_a_claim_through_a_pause(self) -> None:
        """Its call was made, though neither a failure nor a delivery is counted: the handler asked for another attempt."""
        process = await self.process()
        start = await self.started(process)
        claim = await process.poll_one()
        await process.commit(replace(unmoved(start), delays=[ongoing(claim.number)]))
        await self.paused(process, start)
        await process.poll()
        await process.commit(replace(moved(start, "D", version=2), dispatches=[queued()]))

        assert not await self.is_unclaimed(process, start)
        assert len(await process.commit(voided(start, version=3))) == 1

    async def test_a_claim_stays_a_claim_when_an_operator_retries_the_step(self) -> None:
        process = await self.process()
        start = await self.started(process)
        claim = await process.poll_one()
        parked = Delay(0, claim.number, PARKED_SECONDS, 0.0, 1, "its result cannot be stored")
        await process.commit(replace(moved(start, "d"), delays=[parked]))
        await process.commit(replace(moved(start, "D", version=2), dispatches=[queued()]))

        assert not await self.is_unclaimed(process, start)

    async def test_the_command_of_a_paused_saga_is_not_claimed_by_a_poll(self) -> None:
        process = await self.process()
        start = await self.started(process)
        await self.paused(process, start)
        assert await process.poll() == []

        assert await self.is_unclaimed(process, start)
        assert await process.commit(voided(start, version=2)) == []

    async def test_a_fence_on_an_unclaimed_command_holds(self) -> None:
        process = await self.process()
        start = await self.started(process)

        assert await process.commit(voided(start)) == []

        assert await self.version_and_state(process, start) == (2, state("V", Phase.COMPENSATED))
        assert await process.poll() == []

    async def test_a_fence_on_a_command_without_a_row_holds_and_leaves_no_row(self) -> None:
        process = await self.process()
        start = await self.delivered(process)

        assert await process.commit(voided(start)) == []

        assert await self.held(process, start) == frozenset()
        assert await process.admit(delivery(start)) == []

    async def test_a_command_that_is_claimed_meanwhile_breaks_the_fence(self) -> None:
        process = await self.process()
        queued_one, delivered_one = await self.started(process), await self.delivered(process)
        await process.poll_one()
        await process.admit(delivery(delivered_one))

        conflicts = await process.commit(voided(queued_one), voided(delivered_one))

        assert [(conflict.version, conflict.state) for conflict in conflicts] == [(1, state("D"))] * 2
        assert await self.held(process, queued_one) == await self.held(process, delivered_one) == {0}

    async def test_a_write_conflict_leaves_no_row_for_a_command_that_had_none(self) -> None:
        process = await self.process()
        start = await self.delivered(process)

        assert len(await process.commit(voided(start, version=9))) == 1

        assert await self.held(process, start) == frozenset()

    async def test_an_admission_waits_for_the_write_that_makes_its_command_void(self) -> None:
        process, other = await self.process(), await self.process()
        start = await self.delivered(process)
        async with process.adapter.transaction() as connection:
            assert await process.commit(voided(start), wait=True, connection=connection) == []
            admission = asyncio.create_task(other.admit(delivery(start)))
            await asyncio.wait({admission}, timeout=BLOCKED_SECONDS)
            assert not admission.done()

        assert await admission == []
        assert await self.held(process, start) == frozenset()

    async def test_a_poll_leaves_the_command_that_is_being_made_void(self) -> None:
        process, other = await self.process(), await self.process()
        start = await self.started(process)
        async with process.adapter.transaction() as connection:
            assert await process.commit(voided(start), wait=True, connection=connection) == []
            assert await other.poll() == []

        assert await self.held(process, start) == frozenset()

    async def delivered(self, process: StageProcess) -> Start:
        """A saga whose command travels over a bus: it has no row."""
        start = replace(await self.ready(process), dispatches=[])
        assert await process.start(start) == []
        return start

    async def is_unclaimed(self, process: StageProcess, start: Start) -> bool:
        return await process.adapter.store.unclaimed([ref(start)]) == {ref(start)}


def voided(start: Start, *, version: int = 1) -> Write:
    """A rollback that makes the only step void, if no process has ever claimed it."""
    write = moved(start, "V", Phase.COMPENSATED, version=version)
    return replace(write, fences=[(0, None)], drops=[Drop(0, None)])


def ongoing(claim: int) -> Delay:
    return Delay(0, claim, 0.0, 0.0, 0, None)
