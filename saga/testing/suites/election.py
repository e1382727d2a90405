"""The conformance suite of `saga.ports.election`. Subclass `ElectionSuite`, open your adapter in `open_election`, run it with pytest."""

from __future__ import annotations

import abc
import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
import pytest_asyncio

from saga.errors import Closed, LeadershipLost
from saga.ports.clock import Clock, SystemClock
from saga.ports.election import Election, Leadership
from saga.testing.suites.timeout import soon


class ElectionSuite(abc.ABC):
    """The contract of an election. A leader that does not renew stands for one that is frozen, dead or cut off."""

    pytestmark: pytest.MarkDecorator = pytest.mark.asyncio

    lease_seconds: float = 10.0  # without a renewal for this long, another candidate leads
    clock: Clock = SystemClock()  # the clock of `Leadership.trusted_until`

    @abc.abstractmethod
    async def open_election(self) -> Election:
        """Opens another candidate in the election of this test, which has no leader at the first call."""

    async def advance(self, seconds: float) -> None:
        """Lets time pass. Override it where a test can advance the adapter's clock."""
        await asyncio.sleep(seconds)

    @pytest_asyncio.fixture(autouse=True)
    async def _open_elections(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as self._elections:
            yield

    async def election(self) -> Election:
        """A candidate, closed after the test."""
        election = await self.open_election()
        self._elections.push_async_callback(election.close)
        return election

    async def waiting(self, candidate: str = "second") -> asyncio.Task[Leadership]:
        """A campaign that cannot win yet."""
        election = await self.election()
        campaign: asyncio.Task[Leadership] = asyncio.create_task(election.campaign(candidate))
        self._elections.callback(campaign.cancel)
        for _ in range(3):
            await asyncio.sleep(0)
        assert not campaign.done()
        return campaign

    async def test_a_single_candidate_leads(self) -> None:
        election = await self.election()

        leadership = await soon(election.campaign("first"))

        assert leadership.term >= 1
        assert leadership.trusted_until > self.clock.monotonic()

    async def test_there_is_at_most_one_leader(self) -> None:
        elections = [await self.election() for _ in range(3)]
        campaigns = [asyncio.create_task(election.campaign(f"{n}")) for n, election in enumerate(elections)]

        done, pending = await soon(asyncio.wait(campaigns, return_when=asyncio.FIRST_COMPLETED))
        leader = elections[campaigns.index(next(iter(done)))]
        await leader.renew(next(iter(done)).result())

        assert (len(done), len(pending)) == (1, 2)
        for campaign in pending:
            campaign.cancel()
        await asyncio.wait(pending)

    async def test_a_leader_that_renews_keeps_its_term(self) -> None:
        election = await self.election()
        leadership = await soon(election.campaign("first"))
        waiting = await self.waiting()

        for _ in range(3):
            await self.advance((leadership.trusted_until - self.clock.monotonic()) / 2)
            renewed = await election.renew(leadership)
            assert renewed.term == leadership.term
            assert renewed.trusted_until > leadership.trusted_until
            leadership = renewed

        assert not waiting.done()

    async def test_terms_strictly_increase(self) -> None:
        terms = []
        for candidate in ("first", "second", "third"):
            election = await self.election()
            leadership = await soon(election.campaign(candidate))
            terms.append(leadership.term)
            await election.resign(leadership)

        assert terms == sorted(set(terms))

    async def test_a_resignation_promotes_another(self) -> None:
        election = await self.election()
        leadership = await soon(election.campaign("first"))
        waiting = await self.waiting()

        await election.resign(leadership)

        assert (await soon(waiting)).term > leadership.term

    async def test_closing_promotes_another(self) -> None:
        election = await self.election()
        leadership = await soon(election.campaign("first"))
        waiting = await self.waiting()

        await election.close()

        assert (await soon(waiting)).term > leadership.term

    async def test_an_expired_lease_promotes_another(self) -> None:
        election = await self.election()
        leadership = await soon(election.campaign("first"))
        waiting = await self.waiting()

        await self.advance(self.lease_seconds)

        assert (await soon(waiting)).term > leadership.term

    async def test_a_leader_that_cannot_renew_stops_trusting_itself_before_another_leads(self) -> None:
        election, other = await self.election(), await self.election()
        leadership = await soon(election.campaign("first"))
        won_at: list[float] = []

        async def campaign() -> None:
            await other.campaign("second")
            won_at.append(self.clock.monotonic())

        waiting = asyncio.create_task(campaign())
        await self.advance(self.lease_seconds)
        await soon(waiting)

        assert won_at[0] > leadership.trusted_until

    async def test_a_leader_whose_term_is_over_cannot_renew(self) -> None:
        election = await self.election()
        leadership = await soon(election.campaign("first"))
        waiting = await self.waiting()
        await self.advance(self.lease_seconds)
        await soon(waiting)

        with pytest.raises(LeadershipLost):
            await soon(election.renew(leadership))

    async def test_a_leader_that_has_resigned_cannot_renew(self) -> None:
        election = await self.election()
        leadership = await soon(election.campaign("first"))
        await election.resign(leadership)

        with pytest.raises(LeadershipLost):
            await soon(election.renew(leadership))

    async def test_a_renewal_of_an_older_term_does_not_extend_a_later_one(self) -> None:
        election = await self.election()
        older = await soon(election.campaign("first"))
        await election.resign(older)
        newer = await soon(election.campaign("first"))

        with pytest.raises(LeadershipLost):
            await soon(election.renew(older))
        assert newer.term > older.term

    async def test_a_delayed_resignation_of_an_old_term_changes_nothing(self) -> None:
        election = await self.election()
        older = await soon(election.campaign("first"))
        await election.resign(older)
        newer = await soon(election.campaign("first"))
        waiting = await self.waiting()

        await election.resign(older)

        assert (await soon(election.renew(newer))).term == newer.term
        assert not waiting.done()

    async def test_a_resignation_by_another_candidate_changes_nothing(self) -> None:
        election, other = await self.election(), await self.election()
        leadership = await soon(election.campaign("first"))

        await other.resign(leadership)

        assert (await soon(election.renew(leadership))).term == leadership.term

    async def test_a_candidate_that_is_cancelled_does_not_lead(self) -> None:
        election = await self.election()
        leadership = await soon(election.campaign("first"))
        withdrawn, waiting = await self.waiting("withdrawn"), await self.waiting("second")

        withdrawn.cancel()
        await asyncio.wait([withdrawn])
        await election.resign(leadership)

        assert (await soon(waiting)).term > leadership.term

    async def test_a_candidate_that_was_cancelled_can_campaign_again(self) -> None:
        election, other = await self.election(), await self.election()
        leadership = await soon(election.campaign("first"))
        campaign = asyncio.create_task(other.campaign("second"))
        await asyncio.sleep(0)
        campaign.cancel()
        await asyncio.wait([campaign])
        await election.resign(leadership)

        assert (await soon(other.campaign("second"))).term > leadership.term

    async def test_campaigning_after_close_raises(self) -> None:
        election = await self.election()
        await election.close()

        with pytest.raises(Closed):
            await soon(election.campaign("first"))

    async def test_closing_twice_is_harmless(self) -> None:
        election = await self.election()
        await soon(election.campaign("first"))

        await election.close()
        await election.close()

    async def test_a_term_belongs_to_the_candidate_that_won_it(self) -> None:
        election, other = await self.election(), await self.election()
        leadership = await soon(election.campaign("first"))

        with pytest.raises(LeadershipLost):
            await soon(other.renew(replace(leadership)))
