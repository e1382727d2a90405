"""Store suite: membership. Live processes, and the claims of dead ones."""

from __future__ import annotations

import asyncio

import pytest

from saga.errors import LeadershipLost, Unavailable
from saga.ports.adapter import StoreOptions
from saga.ports.membership import ClaimCost
from saga.testing.suites.store.stage import OTHER_SERVICE, SERVICE, StoreStage, ref
from saga.testing.suites.timeout import TIMEOUT_SECONDS, soon

LEASE_SECONDS = 0.2
SILENCE_SECONDS = 0.2


class MemberTests(StoreStage):
    """The life of a process: it joins, sends heartbeats, leaves or dies."""

    async def test_processes_see_each_other(self) -> None:
        process = await self.process(SERVICE, OTHER_SERVICE)
        other = await self.process(SERVICE)

        peers = {peer.id: peer for peer in (await process.heartbeat()).peers}

        assert set(peers) == {process.id, other.id}
        assert peers[process.id].services == {SERVICE, OTHER_SERVICE}
        assert (peers[other.id].name, peers[other.id].capacity) == ("a process", 10)
        assert peers[other.id].seen_ago_seconds >= 0

    async def test_a_process_reports_its_claims_in_progress(self) -> None:
        process, other = await self.process(), await self.process()
        await other.adapter.membership.heartbeat(7, full=False)

        (peer,) = [peer for peer in (await process.heartbeat()).peers if peer.id == other.id]

        assert peer.in_flight == 7

    async def test_a_process_reports_what_claims_cost_it(self) -> None:
        process, other = await self.process(), await self.process()
        cost = ClaimCost(claim_seconds=0.0025, busy=0.5)
        await other.adapter.membership.heartbeat(7, full=False, cost=cost)

        assert {peer.id: peer.cost for peer in (await process.heartbeat()).peers} == {process.id: None, other.id: cost}

    async def test_a_process_that_joins_is_announced(self) -> None:
        process = await self.process()
        process.heard.peers.clear()

        await self.process()

        await soon(process.heard.peers.wait())

    async def test_a_process_that_leaves_is_announced(self) -> None:
        process, other = await self.process(), await self.process()
        await process.heartbeat()
        process.heard.peers.clear()

        await other.adapter.membership.leave()

        await soon(process.heard.peers.wait())
        assert [peer.id for peer in (await process.heartbeat()).peers] == [process.id]

    async def test_a_process_number_is_never_reused(self) -> None:
        process, other = await self.process(), await self.process()
        await other.adapter.membership.leave()

        third = await self.process()

        assert len({process.id, other.id, third.id}) == 3

    async def test_a_process_can_serve_further_services_later(self) -> None:
        process, other = await self.process(), await self.process()

        await process.adapter.membership.announce([SERVICE, OTHER_SERVICE], 25)

        (peer,) = [peer for peer in (await other.heartbeat()).peers if peer.id == process.id]
        assert peer.services == {SERVICE, OTHER_SERVICE}
        assert peer.capacity == 25

    async def test_a_process_can_stop_serving_its_services(self) -> None:
        process, other = await self.process(), await self.process()

        await process.adapter.membership.announce([], 1)

        (peer,) = [peer for peer in (await other.heartbeat()).peers if peer.id == process.id]
        assert peer.services == frozenset()

    async def test_a_process_is_notified_of_the_queues_that_it_serves_later(self) -> None:
        process, other = await self.process(), await self.process()
        await process.adapter.membership.announce([OTHER_SERVICE], 10)

        await other.notify_service(OTHER_SERVICE)

        assert await soon(process.heard.queue.get()) == OTHER_SERVICE

    async def test_leaving_twice_is_harmless(self) -> None:
        process = await self.process()

        await process.adapter.membership.leave()
        await process.adapter.membership.leave()

    async def test_a_process_that_leaves_is_not_notified_of_a_lost_session(self) -> None:
        process, other = await self.process(), await self.process()
        await other.heartbeat()
        other.heard.peers.clear()

        await process.adapter.membership.leave()

        await soon(other.heard.peers.wait())
        assert not process.heard.lost.is_set()

    async def test_leaving_without_having_joined_is_harmless(self) -> None:
        await (await self.adapter()).membership.leave()

    async def test_a_process_that_leaves_returns_its_claims_and_their_deliveries_stay_counted(self) -> None:
        process, other = await self.process(), await self.process()
        start = await self.started(process)
        await process.extend(await process.poll_one(), isolated=True)

        await process.adapter.membership.leave()

        assert await soon(other.heard.queue.get()) == SERVICE
        claim = await other.poll_one()
        assert (claim.saga, claim.deliveries, claim.isolated_attempts) == (start.saga, 2, 1)

    async def test_the_claims_of_a_dead_process_are_returned_and_counted(self) -> None:
        process, other = await self.process(), await self.process()
        start = await self.started(process)
        await process.poll()

        await self.kill(process.adapter)
        await self.until_released(other, ref(start))

        assert await soon(other.heard.queue.get()) == SERVICE
        claim = await other.poll_one()
        assert (claim.saga, claim.deliveries) == (start.saga, 2)

    async def test_dead_processes_disappear_from_the_list(self) -> None:
        process, other = await self.process(), await self.process()
        await self.kill(process.adapter)

        async with asyncio.timeout(TIMEOUT_SECONDS):
            while len((await other.heartbeat()).peers) > 1:
                pass

        assert [peer.id for peer in (await other.heartbeat()).peers] == [other.id]

    async def test_claims_of_live_processes_stay_with_them(self) -> None:
        process, other = await self.process(), await self.process()
        await self.started(process)
        await process.poll()

        beat = await other.heartbeat(full=True)

        assert (beat.released, beat.has_due) == (0, False)
        assert len(await process.fetch()) == 1

    async def test_an_expired_lease_is_found_by_a_full_heartbeat(self) -> None:
        process, other = await self.process(options=StoreOptions(lease_seconds=LEASE_SECONDS)), await self.process()
        await self.started(process)
        claim = await process.poll_one()
        await self.advance(LEASE_SECONDS * 1.5)

        assert (await other.heartbeat(full=False)).released == 0
        assert (await other.heartbeat(full=True)).released == 1
        assert await process.extend(claim) == {claim.number}

    async def test_a_heartbeat_reports_due_commands(self) -> None:
        process, other = await self.process(), await self.process(OTHER_SERVICE)
        assert (await process.heartbeat()).has_due is False

        await self.started(process)

        assert (await process.heartbeat()).has_due is True
        assert (await other.heartbeat()).has_due is False

    async def test_a_store_that_was_never_led_has_no_leader(self) -> None:
        assert (await (await self.process()).heartbeat()).leader_seen_ago_seconds is None

    async def test_every_process_sees_the_leader(self) -> None:
        process, supervisor = await self.process(), await self.process()
        start = await self.started(process)

        silent_seconds = await supervisor.adapter.membership.lead(3, "a supervisor")

        seen_ago_seconds = (await process.heartbeat()).leader_seen_ago_seconds
        assert silent_seconds == 0
        assert seen_ago_seconds is not None
        assert seen_ago_seconds < TIMEOUT_SECONDS
        assert (await process.adapter.listing.detail(start.saga)).leader == "a supervisor"

    async def test_a_leader_learns_how_long_nobody_led(self) -> None:
        membership = (await self.process()).adapter.membership
        await membership.lead(3, "a supervisor")
        await self.advance(SILENCE_SECONDS)

        silent_seconds = await membership.lead(4, "its successor")

        assert SILENCE_SECONDS <= silent_seconds < SILENCE_SECONDS + TIMEOUT_SECONDS

    async def test_a_long_silence_is_reported_until_a_leader_has_extended_the_deadlines(self) -> None:
        process = await self.process()
        membership = process.adapter.membership
        await membership.lead(3, "a supervisor")
        await self.advance(SILENCE_SECONDS)

        for _ in range(2):
            assert await membership.lead(4, "its successor", silence_seconds_max=SILENCE_SECONDS / 2) >= SILENCE_SECONDS

        assert ((await process.heartbeat()).leader_seen_ago_seconds or 0) >= SILENCE_SECONDS
        await membership.lead(4, "its successor")
        assert ((await process.heartbeat()).leader_seen_ago_seconds or 0) < SILENCE_SECONDS

    async def test_a_former_leader_is_not_shown(self) -> None:
        process = await self.process()
        start = await self.started(process)
        await process.adapter.membership.lead(3, "a supervisor")

        await process.adapter.membership.lead(3, None)

        assert (await process.adapter.listing.detail(start.saga)).leader is None

    async def test_an_earlier_term_does_not_replace_a_later_one(self) -> None:
        process = await self.process()
        start = await self.started(process)
        await process.adapter.membership.lead(4, "the successor")

        for name in ("a supervisor", None):
            with pytest.raises(LeadershipLost):
                await process.adapter.membership.lead(3, name)

        assert (await process.adapter.listing.detail(start.saga)).leader == "the successor"

    async def test_a_process_that_has_not_joined_cannot_send_a_heartbeat(self) -> None:
        process = await self.process()
        await process.adapter.membership.leave()

        with pytest.raises(Unavailable):
            await process.heartbeat()

    async def test_a_process_is_notified_when_its_session_is_lost(self) -> None:
        if not self.has_sessions:
            pytest.skip("this store has no sessions")
        process = await self.process()

        await self.cut(process.adapter)

        await soon(process.heard.lost.wait())
        with pytest.raises(Unavailable):
            await process.heartbeat()

    async def test_a_process_that_loses_its_session_loses_its_claims(self) -> None:
        if not self.has_sessions:
            pytest.skip("this store has no sessions")
        process, other = await self.process(), await self.process()
        start = await self.started(process)
        claim = await process.poll_one()

        await self.cut(process.adapter)
        await soon(process.heard.lost.wait())
        await self.until_released(other, ref(start))

        assert await process.extend(claim) == {claim.number}

    async def test_a_closed_process_counts_as_dead(self) -> None:
        process, other = await self.process(), await self.process()
        start = await self.started(process)
        await process.poll()

        await process.adapter.close()

        await self.until_released(other, ref(start))

    async def test_closing_twice_is_harmless(self) -> None:
        adapter = await self.adapter()

        await adapter.close()
        await adapter.close()
