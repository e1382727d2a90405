"""Store suite: inline claims and ends in notifications, and references where these are not allowed."""

from __future__ import annotations

from uuid import uuid4

import pytest
from msgspec.structs import replace

from saga.core.state.phase import Phase
from saga.ports.values.claim import NEVER_CALLED, Claim, CommandRef
from saga.ports.values.notification import Notifications, SagaStatus
from saga.ports.values.start import Start
from saga.ports.values.write import Dispatch, Write
from saga.testing.suites.store.stage import EXECUTE, OTHER_SERVICE, StageProcess, StoreStage, moved, ref
from saga.testing.suites.timeout import soon


class NotificationTests(StoreStage):
    """An inline claim saves a query. It is sent only if the claim was written."""

    # `claims` and `statuses` of the notifications are used; a store may send references instead.
    sends_inline_claims = True

    async def test_an_inline_claim_arrives_unchanged(self) -> None:
        process, other = await self._pair()
        start = await self.started(process, "DP")
        claim = await self._claim_of(process, start)

        await process.commit(self._dispatching(start, claim, other), notifications=_notifying(other, claim))

        (received,) = await soon(other.heard.claims.get())
        (fetched,) = await other.fetch(CommandRef(start.saga, 1))
        assert replace(received, lease_ends=0.0, store_clock=0.0) == replace(claim, lease_ends=0.0, store_clock=0.0)
        assert received.is_first_to_begin
        assert fetched.is_first_to_begin
        assert replace(fetched, lease_ends=0.0, store_clock=0.0, quiet_at=NEVER_CALLED) == replace(
            received, lease_ends=0.0, store_clock=0.0
        )
        assert received.lease_ends == pytest.approx(fetched.lease_ends, abs=1.0)
        assert received.store_clock == pytest.approx(fetched.store_clock, abs=0.5)

    async def test_a_commit_with_a_write_conflict_sends_references_only(self) -> None:
        process, other = await self._pair()
        start, stale = await self.started(process, "DP"), await self.started(process, "DP")
        claim = await self._claim_of(process, start)
        await process.commit(moved(stale, "SD"))

        conflicts = await process.commit(
            self._dispatching(start, claim, other), moved(stale, "SD"), notifications=_notifying(other, claim)
        )

        assert [conflict.position for conflict in conflicts] == [1]
        assert await soon(other.heard.claim_refs.get()) == [CommandRef(start.saga, 1)]
        assert other.heard.claims.empty()

    async def test_claims_that_are_not_inline_are_sent_as_references(self) -> None:
        process, other = await self._pair()
        start = await self.started(process, "DP")
        claim = await self._claim_of(process, start)
        notifications = _notifying(other, claim)
        elsewhere = CommandRef(uuid4(), 3)
        notifications.claim_refs[other.id].append(elsewhere)

        await process.commit(self._dispatching(start, claim, other), notifications=notifications)

        assert await soon(other.heard.claim_refs.get()) == [elsewhere]
        (received,) = await soon(other.heard.claims.get())
        assert received.number == claim.number

    async def test_many_inline_claims_arrive(self) -> None:
        process, other = await self._pair()
        start = await self.started(process, "DP")
        claim = replace(await self._claim_of(process, start), input=b'"' + b"x" * 900 + b'"')
        claims = [replace(claim, step=step) for step in range(100)]

        await process.commit(notifications=_notifying(other, *claims))

        heard: list[Claim] = []
        while len(heard) < len(claims):
            heard += await soon(other.heard.claims.get())
        assert sorted(received.step for received in heard) == list(range(100))
        assert {received.input for received in heard} == {claim.input}

    async def test_a_start_sends_its_first_claim_inline(self) -> None:
        process, other = await self._pair()
        start = await self.ready(process)
        claim = await self._claim_of(process, start, step=0)
        start.dispatches = [Dispatch(0, EXECUTE, OTHER_SERVICE, other.id, claim.number, 0.0)]

        await process.start(start, notifications=_notifying(other, claim))

        assert [received.number for received in await soon(other.heard.claims.get())] == [claim.number]

    async def test_a_start_with_a_taken_key_sends_references_only(self) -> None:
        process, other = await self._pair()
        first = replace(await self.ready(process), key="one")
        await process.start(first)
        start = replace(await self.ready(process), key="one")
        claim = await self._claim_of(process, start, step=0)

        await process.start(start, notifications=_notifying(other, claim))

        assert await soon(other.heard.claim_refs.get()) == [ref(start)]
        assert other.heard.claims.empty()

    async def test_an_inline_end_arrives_unchanged(self) -> None:
        process, other = await self._pair()
        start = await self.started(process)
        status = SagaStatus(start.definition, Phase.COMPLETED, None, start.input, {0: b'{"id":"\\u00e9"}'})
        silent = uuid4()
        notifications = Notifications(ended={other.id: [start.saga, silent]}, statuses={other.id: {start.saga: status}})

        await process.commit(moved(start, "S", Phase.COMPLETED), notifications=notifications)

        heard = await soon(other.heard.ended.get())
        while len(heard) < 2:
            heard |= await soon(other.heard.ended.get())
        assert heard == {start.saga: status, silent: None}

    async def _pair(self) -> tuple[StageProcess, StageProcess]:
        if not self.sends_inline_claims:
            pytest.skip("this store sends references only")
        process, other = await self.process(), await self.process(OTHER_SERVICE)
        await other.heartbeat()  # after it the process knows the store's clock
        return process, other

    async def _claim_of(self, process: StageProcess, start: Start, *, step: int = 1) -> Claim:
        """The claim of a step for another process, as the committing process writes it."""
        await self.started(process)
        now = (await process.poll())[0]  # a claim has the time of the store
        return Claim(
            saga=start.saga, step=step, operation=EXECUTE, number=process.for_me().claim or 0,
            definition=start.definition, version=2 if step else 1, state=replace(start.state, vector="SD" if step else "D"),
            waiter=None, input=start.input, results={}, deliveries=1, failures=0, first_failed_ago=0.0,
            lease_ends=now.lease_ends, quiet_at=NEVER_CALLED, progress=None, store_clock=now.store_clock,
        )  # fmt: skip

    def _dispatching(self, start: Start, claim: Claim, other: StageProcess) -> Write:
        return replace(
            moved(start, "SD"), dispatches=[Dispatch(1, EXECUTE, OTHER_SERVICE, other.id, claim.number, 0.0)]
        )


def _notifying(other: StageProcess, *claims: Claim) -> Notifications:
    refs = [CommandRef(claim.saga, claim.step) for claim in claims]
    return Notifications(claim_refs={other.id: refs}, claims={other.id: list(claims)})
