"""Store suite: the bounded reads of a search."""

from __future__ import annotations

from uuid import UUID

from msgspec.structs import replace

from saga.core.state.phase import Phase
from saga.ports.adapter import StoreAdapter
from saga.ports.listing import SagaFilter
from saga.ports.values.scan import Among, SagaScan
from saga.ports.values.write import PARKED_SECONDS, Delay
from saga.testing.suites.store.stage import EXECUTE, StoreStage, graph, moved, step, unmoved


class ScanTests(StoreStage):
    """Each scan reads a bounded number of sagas, newest first, and says where it stopped."""

    async def test_a_scan_ends_at_its_window_or_at_its_limit(self) -> None:
        process = await self.process()
        third, second, first = sorted([(await self.started(process)).saga for _ in range(3)], reverse=True)
        scan = process.adapter.listing.scan

        window, limited = await scan(SagaScan(rows_max=2)), await scan(SagaScan(limit=1))
        rest = await scan(SagaScan(before=window.scanned_to))

        assert ([one.saga for one in window.sagas], window.scanned_to) == ([third, second], second)
        assert ([one.saga for one in limited.sagas], limited.scanned_to) == ([third], third)
        assert ([one.saga for one in rest.sagas], rest.scanned_to) == ([first], None)

    async def test_a_scan_among_live_sagas_leaves_out_those_that_ended(self) -> None:
        process = await self.process()
        ended, live = [await self.started(process) for _ in range(2)]
        await process.commit(moved(ended, "S", Phase.COMPLETED))

        found = await process.adapter.listing.scan(SagaScan(among=Among.LIVE))

        assert [one.saga for one in found.sagas] == [live.saga]
        assert found.sagas[0].state.phase is Phase.RUNNING

    async def test_parked_and_delayed_commands_are_found_by_themselves(self) -> None:
        process = await self.process()
        plain, parked, failed = [await self.started(process) for _ in range(3)]
        claim = {one.saga: one for one in await process.poll()}
        later = [Delay(0, claim[failed.saga].number, 3600.0, 0.0, 1, "no answer")]
        never = [Delay(0, claim[parked.saga].number, PARKED_SECONDS, 0.0, 1, "no answer")]
        await process.commit(replace(moved(parked, "d"), delays=never), replace(unmoved(failed), delays=later))
        scan = process.adapter.listing.scan

        quarantined = await scan(SagaScan(among=Among.PARKED, is_stuck=True, with_commands=True))
        delayed = await scan(SagaScan(among=Among.DELAYED, with_commands=True))

        assert [one.saga for one in quarantined.sagas] == [parked.saga]
        assert [one.saga for one in delayed.sagas] == [failed.saga]
        (command,) = delayed.sagas[0].commands.values()
        assert (command.operation, command.failures, command.error) == (EXECUTE, 1, "no answer")
        assert plain.saga not in {one.saga for one in quarantined.sagas + delayed.sagas}

    async def test_more_sagas_than_a_scan_reads_are_not_read(self) -> None:
        process = await self.process()
        for _ in range(3):
            await self.started(process)

        found = await process.adapter.listing.scan(SagaScan(among=Among.LIVE, rows_max=2))

        assert (found.sagas, found.is_too_many) == ([], True)

    async def test_the_filters_of_a_scan(self) -> None:
        process = await self.process()
        other = graph(step("a"), name="other")
        one = replace(await self.ready(process), key="1017", tags='{"region": "eu"}')
        await process.start(one)
        two = replace(await self.ready(process, definition=other), key="1018")
        await process.start(two)
        await process.commit(replace(moved(two, "R"), state=replace(moved(two, "R").state, reason="Card declined")))
        adapter = process.adapter

        assert await _found(adapter, SagaScan(ids=frozenset((one.saga,)))) == {one.saga}
        assert await _found(adapter, SagaScan(keys=frozenset(("1017", "x")), with_keys=True)) == {one.saga}
        assert await _found(adapter, SagaScan(definitions=frozenset(("other",)))) == {two.saga}
        assert await _found(adapter, SagaScan(definitions=frozenset(("nothing",)))) == set()
        assert await _found(adapter, SagaScan(tags=(("region", "eu"),))) == {one.saga}
        assert await _found(adapter, SagaScan(reason="card d")) == {two.saga}
        assert await _found(adapter, SagaScan(phases=frozenset((Phase.COMPLETED,)))) == set()
        assert await _found(adapter, SagaScan(started_from=1.0, started_until=2.0)) == set()
        assert await _found(adapter, SagaScan(started_from=1.0)) == {one.saga, two.saga}
        assert [line.saga for line in await adapter.listing.lines(SagaFilter(ids=frozenset((two.saga,))))] == [two.saga]


async def _found(adapter: StoreAdapter, wanted: SagaScan) -> set[UUID]:
    return {one.saga for one in (await adapter.listing.scan(wanted)).sagas}
