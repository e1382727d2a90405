"""Store suite: the life of a command row. Drops, delays and dispatches."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from saga.core.state.phase import Phase
from saga.ports.values.claim import Claim
from saga.ports.values.write import CUT_OFF, PARKED_SECONDS, Delay, Dispatch, Drop
from saga.testing.suites.store.stage import (
    COMPENSATE,
    EXECUTE,
    SERVICE,
    StoreStage,
    delivery,
    moved,
    queued,
    ref,
    unmoved,
)

HOUR_SECONDS = 3600.0
SHORT_SECONDS = 0.05
TAKEN_FOR_NEW = pytest.mark.parametrize("is_new", [False, True])


def failed(claim: Claim, after_seconds: float = 0.0, *, failures: int = 1, quiet_seconds: float = 0.0) -> Delay:
    return Delay(claim.step, claim.number, after_seconds, quiet_seconds, failures, "broke")


class CommandTests(StoreStage):
    """A command is queued, waiting, parked or dropped."""

    async def test_a_drop_ends_its_own_claim(self) -> None:
        process = await self.process()
        start = await self.started(process)
        claim = await process.poll_one()

        await process.commit(replace(unmoved(start), drops=[Drop(0, claim.number)]))

        assert await self.held(process, start) == frozenset()
        assert await process.extend(claim) == {claim.number}

    async def test_a_drop_under_the_claim_of_another_process_changes_nothing(self) -> None:
        process = await self.process()
        start = await self.started(process)
        claim = await process.poll_one()

        await process.commit(replace(unmoved(start), drops=[Drop(0, claim.number - 1)]))

        assert await process.extend(claim) == set()

    async def test_a_drop_without_a_claim_drops_the_command_in_any_state(self) -> None:
        process = await self.process()
        start = await self.started(process, "DD")
        await process.poll(limit=1)

        await process.commit(replace(unmoved(start), drops=[Drop(0, None), Drop(1, None), Drop(1, None)]))

        assert await self.held(process, start) == frozenset()

    async def test_a_failed_command_waits_for_its_retry(self) -> None:
        process = await self.process()
        start = await self.started(process)
        claim = await process.poll_one()

        await process.commit(replace(unmoved(start), delays=[failed(claim, HOUR_SECONDS)]))

        assert await process.poll() == []
        assert await self.held(process, start) == {0}
        assert (await process.heartbeat()).has_due is False

    async def test_a_failed_command_is_handed_out_again_when_it_is_due(self) -> None:
        process = await self.process()
        start = await self.started(process)
        claim = await process.poll_one()
        await process.commit(replace(unmoved(start), delays=[failed(claim, SHORT_SECONDS)]))

        await self.advance(SHORT_SECONDS * 2)
        again = await process.poll_one()

        assert (again.deliveries, again.failures) == (2, 1)
        assert again.number > claim.number

    async def test_the_first_of_many_failures_is_remembered(self) -> None:
        process = await self.process()
        start = await self.started(process)
        for failures in (1, 2):
            claim = await process.poll_one()
            await process.commit(replace(unmoved(start), delays=[failed(claim, failures=failures)]))
            await self.advance(SHORT_SECONDS)

        again = await process.poll_one()

        assert again.failures == 2
        assert again.first_failed_ago >= SHORT_SECONDS * 2 - 0.001

    async def test_an_ongoing_attempt_counts_neither_as_failure_nor_as_delivery(self) -> None:
        process = await self.process()
        start = await self.started(process)
        claim = await process.poll_one()

        await process.commit(replace(unmoved(start), delays=[failed(claim, failures=0)]))
        await self.advance(SHORT_SECONDS)
        again = await process.poll_one()

        assert (again.deliveries, again.failures, again.first_failed_ago) == (1, 0, 0.0)

    async def test_an_attempt_that_was_cut_off_counts_as_a_delivery_and_not_as_a_failure(self) -> None:
        process = await self.process()
        start = await self.started(process)
        for failures in (1, CUT_OFF):
            claim = await process.poll_one()
            await process.commit(replace(unmoved(start), delays=[failed(claim, failures=failures)]))
            await self.advance(SHORT_SECONDS)

        again = await process.poll_one()

        assert (again.deliveries, again.failures) == (3, 1)

    async def test_an_isolated_attempt_is_counted_and_shown_in_the_next_claim(self) -> None:
        process, other = await self.process(), await self.process()
        start = await self.started(process)
        claim = await process.poll_one()
        assert claim.isolated_attempts == 0
        assert await process.extend(claim) == set()

        assert await process.extend(claim, isolated=True) == set()
        await self.kill(process.adapter)
        await self.until_released(other, ref(start))

        assert (await other.poll_one()).isolated_attempts == 1

    async def test_an_isolated_attempt_of_a_lost_claim_is_not_counted(self) -> None:
        process, other = await self.process(), await self.process()
        await self.started(process)
        claim = await process.poll_one()

        assert await other.extend(claim, isolated=True) == {claim.number}

        assert [held.isolated_attempts for held in await process.fetch()] == [0]

    async def test_an_outcome_can_set_the_number_of_isolated_attempts(self) -> None:
        process = await self.process()
        start = await self.started(process)
        claim = await process.poll_one()
        await process.commit(replace(unmoved(start), delays=[replace(failed(claim), isolated_attempts=3)]))
        again = await process.poll_one()
        await process.extend(again, isolated=True)

        await process.commit(replace(unmoved(start), delays=[failed(again)]))

        assert (again.isolated_attempts, (await process.poll_one()).isolated_attempts) == (3, 0)

    async def test_a_delay_of_an_older_claim_changes_nothing(self) -> None:
        process = await self.process()
        start = await self.started(process)
        older = await process.poll_one()
        await process.commit(replace(unmoved(start), delays=[failed(older)]))
        newer = await process.poll_one()

        await process.commit(replace(unmoved(start), delays=[failed(older, HOUR_SECONDS, failures=5)]))

        (held,) = await process.fetch()
        assert (held.number, held.failures) == (newer.number, 1)

    async def test_a_delay_of_a_write_conflict_changes_nothing(self) -> None:
        process = await self.process()
        start = await self.started(process)
        claim = await process.poll_one()

        await process.commit(replace(moved(start, "S", version=2), delays=[failed(claim, HOUR_SECONDS)]))

        assert len(await process.fetch()) == 1

    async def test_a_parked_command_is_not_handed_out(self) -> None:
        process = await self.process()
        start = await self.started(process)
        claim = await process.poll_one()

        await process.commit(replace(unmoved(start), delays=[failed(claim, PARKED_SECONDS)]))

        assert await process.poll() == []
        assert await process.admit(delivery(start)) == []
        assert await self.held(process, start) == {0}

    @TAKEN_FOR_NEW
    async def test_a_parked_command_starts_again_when_it_is_dispatched(self, *, is_new: bool) -> None:
        process = await self.process()
        start = await self.started(process)
        claim = await process.poll_one()
        parked = replace(failed(claim, PARKED_SECONDS, failures=3), isolated_attempts=2)
        await process.commit(replace(unmoved(start), delays=[parked]))

        await process.commit(replace(moved(start, "D"), dispatches=[queued()], is_new=is_new))
        again = await process.poll_one()

        assert (again.deliveries, again.failures, again.isolated_attempts, again.first_failed_ago) == (1, 0, 0, 0.0)

    async def test_a_command_is_not_handed_out_before_it_is_due(self) -> None:
        process = await self.process()
        start = await self.started(process, "P")

        later = Dispatch(0, EXECUTE, SERVICE, None, None, HOUR_SECONDS)
        await process.commit(replace(moved(start, "D"), dispatches=[later]))

        assert await process.poll() == []
        assert await self.held(process, start) == {0}

    @TAKEN_FOR_NEW
    async def test_a_dispatch_does_not_change_a_claim_of_the_same_command(self, *, is_new: bool) -> None:
        process, other = await self.process(), await self.process()
        start = await self.started(process)
        claim = await process.poll_one()

        await other.commit(replace(moved(start, "D"), dispatches=[queued()], is_new=is_new))

        assert await other.poll() == []
        assert [held.number for held in await process.fetch()] == [claim.number]

    @TAKEN_FOR_NEW
    async def test_a_dispatch_of_another_operation_ends_the_claim(self, *, is_new: bool) -> None:
        process, other = await self.process(), await self.process()
        start = await self.started(process)
        claim = await process.poll_one()
        await process.extend(claim, isolated=True)

        undo = replace(moved(start, "K", Phase.COMPENSATING), dispatches=[queued(0, COMPENSATE)], is_new=is_new)
        await other.commit(undo)
        (taken,) = await other.poll()

        assert (taken.operation, taken.deliveries, taken.failures, taken.isolated_attempts) == (COMPENSATE, 1, 0, 0)
        assert await process.fetch() == []
        late = replace(moved(start, "R", Phase.COMPENSATING, version=2), fences=[(0, claim.number)])
        assert len(await process.commit(late)) == 1

    @TAKEN_FOR_NEW
    async def test_a_dispatch_reschedules_a_waiting_command(self, *, is_new: bool) -> None:
        process = await self.process()
        start = await self.started(process)
        claim = await process.poll_one()
        waits = replace(failed(claim, HOUR_SECONDS), isolated_attempts=2)
        await process.commit(replace(unmoved(start), delays=[waits]))

        await process.commit(replace(moved(start, "D"), dispatches=[queued()], is_new=is_new))

        again = await process.poll_one()
        assert (again.failures, again.isolated_attempts) == (1, 2)

    async def test_a_dispatch_to_a_process_creates_its_claim(self) -> None:
        process, other = await self.process(), await self.process()
        start = await self.started(process, "P")
        dispatch = other.for_me()

        await process.commit(replace(moved(start, "D"), dispatches=[dispatch]))

        (claim,) = await other.fetch(ref(start))
        assert (claim.number, claim.deliveries) == (dispatch.claim, 1)
        assert claim.lease_ends > claim.quiet_at
        assert await process.poll() == []

    async def test_a_dispatch_to_a_process_is_counted_like_every_delivery(self) -> None:
        process = await self.process()
        start = await self.started(process)
        claim = await process.poll_one()
        await process.commit(replace(unmoved(start), delays=[failed(claim, HOUR_SECONDS)]))

        await process.commit(replace(moved(start, "D"), dispatches=[process.for_me()]))

        assert [held.deliveries for held in await process.fetch()] == [2]

    async def test_a_dispatch_to_a_dead_process_goes_into_the_queue(self) -> None:
        process, other = await self.process(), await self.process()
        start = await self.started(process, "P")
        await other.adapter.membership.leave()

        await process.commit(replace(moved(start, "D"), dispatches=[other.for_me()]))

        assert (await process.poll_one()).deliveries == 1

    async def test_a_dispatch_of_a_write_conflict_is_not_written(self) -> None:
        process = await self.process()
        start = await self.started(process, "P")

        await process.commit(replace(moved(start, "D", version=2), dispatches=[queued()]))

        assert await self.held(process, start) == frozenset()

    async def test_a_claim_that_is_dropped_can_be_dispatched_again_in_one_write(self) -> None:
        process = await self.process()
        start = await self.started(process)
        claim = await process.poll_one()

        undo = moved(start, "K", Phase.COMPENSATING)
        await process.commit(replace(undo, drops=[Drop(0, claim.number)], dispatches=[queued(0, COMPENSATE)]))

        assert (await process.poll_one()).operation is COMPENSATE
