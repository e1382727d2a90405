"""Store suite: the claims that a process holds. Fetch, extend, expire."""

from __future__ import annotations

from uuid import uuid4

import pytest
from msgspec.structs import replace

from saga.core.state.mode import Mode
from saga.ports.adapter import StoreOptions
from saga.ports.values.claim import CommandRef
from saga.ports.values.write import Delay, Drop
from saga.testing.suites.store.stage import (
    StageProcess,
    StoreStage,
    graph,
    moved,
    ref,
    step,
    unmoved,
)

LEASE_SECONDS = 0.2


class LeaseTests(StoreStage):
    """The lease of a claim (G1, G7, G26)."""

    async def test_a_process_fetches_its_own_claims(self) -> None:
        process, other = await self.process(), await self.process()
        starts = [await self.started(process) for _ in range(3)]
        mine = await process.poll(limit=2)
        await other.poll()

        assert {claim.saga for claim in await process.fetch()} == {claim.saga for claim in mine}
        assert await process.fetch(ref(starts[2])) == []
        assert [claim.saga for claim in await process.fetch(ref(starts[0]))] == [starts[0].saga]

    async def test_a_fetched_claim_is_the_claim_that_the_process_holds(self) -> None:
        process = await self.process()
        await self.started(process)
        polled = await process.poll_one()

        (fetched,) = await process.fetch()

        assert (fetched.number, fetched.deliveries) == (polled.number, 1)

    async def test_an_obsolete_claim_is_dropped_when_it_is_fetched(self) -> None:
        process = await self.process()
        start = await self.started(process)
        await process.poll()
        await process.commit(moved(start, "S"))

        assert await process.fetch() == []
        assert await self.held(process, start) == frozenset()

    @pytest.mark.parametrize("mode", Mode)
    @pytest.mark.parametrize("vector", ["D", "K"])
    async def test_a_claim_that_is_fetched_in_a_pause_runs_on(self, mode: Mode, vector: str) -> None:
        """The process itself fetches its claims, as after a lost notification or a commit of unknown outcome, while the step runs."""
        process = await self.process()
        plan = graph(step("one", mode=mode), name=f"paused_{mode.name.lower()}")
        start = await self.started(process, vector, definition=plan)
        claim = await process.poll_one()
        await self.paused(process, start)

        assert await process.fetch() == []
        assert await process.poll() == []
        assert await process.extend(claim) == set()

    async def test_a_process_without_claims_fetches_nothing(self) -> None:
        process = await self.process()

        assert await process.fetch() == []
        assert await process.fetch(CommandRef(uuid4(), 0)) == []

    async def test_extending_returns_the_lost_claims(self) -> None:
        process, other = await self.process(), await self.process()
        starts = {start.saga: start for start in [await self.started(process) for _ in range(3)]}
        kept, taken, dropped = await process.poll()
        await process.commit(replace(unmoved(starts[dropped.saga]), drops=[Drop(0, dropped.number)]))
        given_back = Delay(0, taken.number, 0.0, 0.0, 1, "broke")
        await process.commit(replace(unmoved(starts[taken.saga]), delays=[given_back]))
        await other.poll()

        assert await process.extend(kept, taken, dropped) == {taken.number, dropped.number}

    async def test_a_newer_claim_of_the_same_process_does_not_extend_the_older_one(self) -> None:
        """G26: the lease of a frozen process expired, its claim was returned, and the process has claimed the command again."""
        process, other = await self.process(options=StoreOptions(lease_seconds=LEASE_SECONDS)), await self.process()
        await self.started(process)
        older = await process.poll_one()
        await self.advance(LEASE_SECONDS * 1.5)
        assert (await other.heartbeat(full=True)).released == 1
        newer = await process.poll_one()

        assert await process.extend(older, newer) == {older.number}
        assert await process.extend(older, isolated=True) == {older.number}
        assert [held.isolated_attempts for held in await process.fetch()] == [0]

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
