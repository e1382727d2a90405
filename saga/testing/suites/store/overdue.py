"""Store suite: overdue sagas, their deadlines and wake-up times (E11)."""

from __future__ import annotations

from uuid import UUID

import pytest
from msgspec.structs import replace

from saga.core.state.phase import Phase
from saga.ports.adapter import StoreOptions
from saga.ports.values.notification import Notifications
from saga.ports.values.overdue import BEGINNING
from saga.ports.values.start import Start
from saga.ports.values.write import Delay
from saga.testing.suites.store.stage import (
    OTHER_SERVICE,
    TRACE,
    StageProcess,
    StoreStage,
    graph,
    moved,
    state,
    step,
)

HOUR_SECONDS = 3600.0
SHORT_SECONDS = 0.1


class OverdueTests(StoreStage):
    """The scan for sagas that need a redrive or have passed a deadline."""

    async def test_a_saga_is_overdue_after_the_redrive_interval(self) -> None:
        process = await self.process(options=StoreOptions(redrive_seconds=SHORT_SECONDS))
        start = replace(await self.ready(process, "DP"), trace=TRACE)
        await process.start(start)
        assert await process.adapter.store.overdue(10, None) == []

        await self.advance(SHORT_SECONDS * 1.5)
        (found,) = await process.adapter.store.overdue(10, None)

        assert (found.saga, found.version, found.definition) == (start.saga, 1, start.definition)
        assert (found.state, found.waiter, found.trace) == (state("DP"), None, TRACE)

    async def test_a_saga_is_overdue_when_its_deadline_has_passed(self) -> None:
        process = await self.process()
        start = replace(await self.ready(process), deadline_seconds=SHORT_SECONDS)
        await process.start(start)

        await self.advance(SHORT_SECONDS * 1.5)
        (found,) = await process.adapter.store.overdue(10, None)

        assert found.state.deadline is not None

    async def test_an_overdue_saga_is_found_once(self) -> None:
        process = await self.process()
        start = await self.overdue_since(process, 0.0)
        (found,) = await process.adapter.store.overdue(10, None)

        write = replace(moved(start, "D", version=found.version), wake_seconds=HOUR_SECONDS)
        assert await process.commit(write) == []

        assert await process.adapter.store.overdue(10, None) == []

    async def test_a_transition_without_a_wake_up_time_keeps_it(self) -> None:
        process = await self.process()
        start = await self.overdue_since(process, 0.0)

        await process.commit(moved(start, "D", version=2))

        assert len(await process.adapter.store.overdue(10, None)) == 1

    async def test_a_transition_with_an_earlier_deadline_is_woken_at_that_deadline(self) -> None:
        process = await self.process()
        start = replace(await self.ready(process), deadline_seconds=HOUR_SECONDS)
        await process.start(start)
        deadline = (await process.adapter.ledger.snapshot(start.saga)).started_at

        write = replace(moved(start, "D", Phase.COMPENSATING), is_deadline_moved=True)
        await process.commit(replace(write, state=replace(write.state, deadline=deadline)))

        (found,) = await process.adapter.store.overdue(10, None)
        assert found.state.deadline == pytest.approx(deadline, abs=0.001)

    @pytest.mark.parametrize("is_moved", [False, True])
    async def test_a_deadline_that_is_written_back_is_unchanged(self, *, is_moved: bool) -> None:
        process = await self.process()
        start = replace(await self.ready(process), deadline_seconds=HOUR_SECONDS / 7)
        await process.start(start)
        claim = await process.poll_one()

        write = replace(moved(start, "S"), state=replace(claim.state, vector="S"), is_deadline_moved=is_moved)
        await process.commit(write)

        assert (await self.version_and_state(process, start))[1].deadline == pytest.approx(
            claim.state.deadline, abs=1e-6
        )

    async def test_a_deadline_that_is_not_moved_stays_regardless_of_the_write(self) -> None:
        process = await self.process()
        start = replace(await self.ready(process), deadline_seconds=HOUR_SECONDS)
        await process.start(start)
        before = (await self.version_and_state(process, start))[1].deadline

        await process.commit(moved(start, "S"))

        assert (await self.version_and_state(process, start))[1].deadline == before

    async def test_a_deadline_can_be_removed(self) -> None:
        process = await self.process()
        start = replace(await self.ready(process), deadline_seconds=HOUR_SECONDS)
        await process.start(start)

        await process.commit(replace(moved(start, "S"), is_deadline_moved=True))

        assert (await self.version_and_state(process, start))[1].deadline is None

    async def test_an_ended_saga_is_never_overdue(self) -> None:
        process = await self.process()
        start = await self.overdue_since(process, 0.0)

        await process.commit(replace(moved(start, "S", Phase.COMPLETED, version=2), wake_seconds=0.0))

        assert await process.adapter.store.overdue(10, None) == []

    async def test_the_most_overdue_saga_is_found_first(self) -> None:
        process = await self.process()
        starts = [await self.overdue_since(process, seconds) for seconds in (-1.0, -3.0, -2.0)]

        found = [saga.saga for saga in await process.adapter.store.overdue(2, None)]

        assert found == [starts[1].saga, starts[2].saga]

    async def test_a_look_goes_on_behind_the_last_saga_of_another(self) -> None:
        process = await self.process()
        together = [await self.started(process) for _ in range(3)]
        await process.adapter.store.commit(
            [replace(moved(start, "D"), wake_seconds=-2.0) for start in together],
            Notifications(), process=process.id, durable=True, wait=False,
        )  # fmt: skip
        later = await self.overdue_since(process, -1.0)

        found, after = list[UUID](), BEGINNING
        while page := await process.adapter.store.overdue(2, None, after):
            found += [saga.saga for saga in page]
            after = page[-1].place

        assert found == [*sorted((start.saga for start in together), key=lambda saga: saga.int), later.saga]

    async def test_overdue_sagas_are_found_by_their_services(self) -> None:
        process = await self.process()
        plan = graph(step("a"), step("b", OTHER_SERVICE), name="two_services")
        both, one = await self.started(process, "PP", definition=plan), await self.overdue_since(process, 0.0)
        await process.commit(replace(moved(both, "PP"), wake_seconds=0.0))

        found = await process.adapter.store.overdue(10, [OTHER_SERVICE])

        assert [saga.saga for saga in found] == [both.saga]
        assert one.saga in {saga.saga for saga in await process.adapter.store.overdue(10, None)}
        assert await process.adapter.store.overdue(10, ["nobody"]) == []

    async def test_an_overdue_saga_has_its_outstanding_commands(self) -> None:
        process = await self.process()
        start = await self.started(process, "DDDP")
        claim = {one.step: one for one in await process.poll(limit=2)}
        unquiet = Delay(0, claim[0].number, HOUR_SECONDS, HOUR_SECONDS, 1, "broke")
        await process.commit(replace(moved(start, "DDDP"), delays=[unquiet], wake_seconds=0.0))

        (found,) = await process.adapter.store.overdue(10, None)

        assert [set(steps) for steps in (found.held, found.claimed, found.unquiet)] == [{0, 1, 2}, {1}, {0}]

    async def overdue_since(self, process: StageProcess, wake_seconds: float) -> Start:
        """A saga at version 2 with a wake-up time."""
        start = await self.started(process)
        await process.commit(replace(moved(start, "D"), wake_seconds=wake_seconds))
        return start
