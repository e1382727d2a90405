"""Store suite: decisions are written as a whole or not at all."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from msgspec.structs import replace

from saga.core.rules import events as ev
from saga.core.rules.decide import decide
from saga.core.rules.decision import HistoryEntry
from saga.core.rules.history_kind import HistoryKind
from saga.core.state.mode import Mode
from saga.core.state.phase import Phase
from saga.ports.values.claim import CommandRef
from saga.ports.values.notification import Notifications
from saga.ports.values.write import Delay, Drop, Result, Write
from saga.testing.suites.store.stage import OTHER_SERVICE, StoreStage, graph, moved, queued, ref, state, step, unmoved
from saga.testing.suites.timeout import soon


class CommitTests(StoreStage):
    """Versions, fences, joins, transactions."""

    locks_rows = True  # a saga that a transaction has written stays locked until the transaction ends

    async def test_a_commit_moves_the_saga_to_its_next_version(self) -> None:
        process = await self.process()
        start = await self.started(process, "DP")
        after = replace(state("SD"), rollback_requested=True, reason="asked")

        assert await process.commit(replace(moved(start, "SD"), state=after)) == []

        assert await self.version_and_state(process, start) == (2, after)

    async def test_a_commit_without_durability_is_visible_like_any_other(self) -> None:
        process = await self.process()
        start = await self.started(process, "DP")

        assert await process.commit(moved(start, "SD"), durable=False) == []

        assert await self.version_and_state(process, start) == (2, state("SD"))

    async def test_a_commit_is_all_or_nothing(self) -> None:
        process = await self.process()
        start = await self.started(process, "DP")
        claim = (await process.poll_one()).number
        everything = replace(
            moved(start, "SD"),
            drops=[Drop(0, claim)],
            dispatches=[queued(1)],
            results=[Result(0, 1, b"7")],
            entries=(HistoryEntry(HistoryKind.SUCCEEDED, 0, None),),
        )

        (conflict,) = await process.commit(replace(everything, fences=[(0, claim - 1)]))

        assert (conflict.position, conflict.version) == (0, 1)
        assert await self.version_and_state(process, start) == (1, state("DP"))
        assert await self.held(process, start) == {0}
        assert (await process.adapter.ledger.snapshot(start.saga)).results == {}
        assert await process.commit(everything) == []
        assert await self.held(process, start) == {1}
        assert (await process.adapter.ledger.snapshot(start.saga)).results == {0: b"7"}

    async def test_a_commit_on_an_old_version_is_a_write_conflict_and_changes_nothing(self) -> None:
        process = await self.process()
        start = await self.started(process, "DP")
        await process.commit(moved(start, "SD"))

        (conflict,) = await process.commit(replace(moved(start, "RP", Phase.COMPENSATING), drops=[Drop(0, None)]))

        assert (conflict.position, conflict.version, conflict.state) == (0, 2, state("SD"))
        assert await self.held(process, start) == {0}

    async def test_a_commit_on_a_later_version_is_a_write_conflict(self) -> None:
        process = await self.process()
        start = await self.started(process)

        (conflict,) = await process.commit(moved(start, "S", version=2))

        assert (conflict.version, conflict.state) == (1, state("D"))

    async def test_a_batch_is_written_except_for_its_conflicts(self) -> None:
        process = await self.process()
        starts = [await self.started(process, "DP") for _ in range(3)]
        await process.commit(moved(starts[1], "SD"))

        conflicts = await process.commit(*(moved(start, "SD") for start in starts))

        assert [conflict.position for conflict in conflicts] == [1]
        assert [await self.version_and_state(process, start) for start in starts] == [(2, state("SD"))] * 3

    async def test_a_write_to_a_missing_saga_is_a_write_conflict_without_a_state(self) -> None:
        process = await self.process()
        start = await self.started(process)

        for wait in (False, True):
            (conflict,) = await process.commit(replace(moved(start, "S"), saga=uuid4()), wait=wait)
            assert (conflict.position, conflict.state) == (0, None)

    async def test_a_write_conflict_has_the_time_of_the_store(self) -> None:
        process = await self.process()
        start = await self.started(process)
        claim = await process.poll_one()

        (conflict,) = await process.commit(moved(start, "S", version=9))

        assert conflict.store_clock == pytest.approx(claim.store_clock, abs=1.0)

    async def test_a_rejection_of_an_older_claim_is_a_write_conflict(self) -> None:
        process = await self.process()
        start = await self.started(process)
        older = await process.poll_one()
        await process.commit(replace(unmoved(start), delays=[Delay(0, older.number, 0.0, 0.0, 1, "broke")]))
        newer = await process.poll_one()
        rejection = moved(start, "R", Phase.COMPENSATED)

        assert len(await process.commit(replace(rejection, fences=[(0, older.number)]))) == 1
        assert await self.version_and_state(process, start) == (1, state("D"))
        assert await process.commit(replace(rejection, fences=[(0, newer.number)])) == []

    async def test_a_rejection_of_a_returned_claim_counts_until_there_is_a_newer_claim(self) -> None:
        process, other = await self.process(), await self.process()
        start = await self.started(process)
        claim = (await other.poll_one()).number
        await other.adapter.membership.leave()

        rejection = replace(moved(start, "R", Phase.COMPENSATED), fences=[(0, claim)])

        assert await process.commit(rejection) == []

    async def test_a_fence_on_a_missing_command_is_a_write_conflict(self) -> None:
        process = await self.process()
        start = await self.started(process)
        claim = (await process.poll_one()).number
        await process.commit(replace(unmoved(start), drops=[Drop(0, claim)]))

        (conflict,) = await process.commit(replace(moved(start, "R", Phase.COMPENSATED), fences=[(0, claim)]))

        assert conflict.state == state("D")

    async def test_two_outcomes_of_one_saga_in_one_batch_both_count(self) -> None:
        process = await self.process()
        start = await self.started(process, "DDP")
        first, second = await process.poll()
        folded = replace(
            moved(start, "SSD"),
            drops=[Drop(first.step, first.number), Drop(second.step, second.number)],
            results=[Result(0, 1, b"1"), Result(1, 1, b"2")],
            dispatches=[queued(2)],
        )

        assert await process.commit(folded) == []

        assert await self.held(process, start) == {2}
        assert (await process.adapter.ledger.snapshot(start.saga)).results == {0: b"1", 1: b"2"}

    async def test_two_branches_that_finish_together_join_exactly_once(self) -> None:
        one, two = await self.process(), await self.process()
        plan = graph(step("left"), step("right"), step("join", after=(0, 1)), name="join")
        start = await self.started(one, "DDP", definition=plan)

        def success(branch: int, version: int, now_state: str) -> Write:
            events = [ev.Succeeded(branch)]
            decision = decide(plan, state(now_state), events, now=0.0, jitter=0.0, enforce_deadline=False)
            dispatches = [queued(command.step) for command in decision.commands]
            write = moved(start, decision.state.vector, version=version)
            return replace(write, dispatches=dispatches, drops=[Drop(branch, None)])

        async def finish(branch: int) -> int:
            process, write = (one, two)[branch], success(branch, 1, "DDP")
            while conflicts := await process.commit(write):
                assert conflicts[0].state is not None
                write = success(branch, conflicts[0].version, conflicts[0].state.vector)
            return len(write.dispatches)

        assert sum(await asyncio.gather(finish(0), finish(1))) == 1
        assert await self.version_and_state(one, start) == (3, state("SSD"))
        assert await self.held(one, start) == {2}

    async def test_many_commits_on_one_version_have_one_winner(self) -> None:
        processes = [await self.process() for _ in range(4)]
        start = await self.started(processes[0])

        conflicts = await asyncio.gather(*(process.commit(moved(start, "S")) for process in processes))

        assert sorted(map(len, conflicts)) == [0, 1, 1, 1]

    async def test_a_write_that_changes_nothing_needs_no_version(self) -> None:
        process = await self.process()
        start = await self.started(process)
        claim = await process.poll_one()

        assert await process.commit(replace(unmoved(start, version=9), drops=[Drop(0, claim.number)])) == []

        assert await self.version_and_state(process, start) == (1, state("D"))

    @pytest.mark.parametrize("is_new", [False, True])
    async def test_a_result_is_recorded_once(self, *, is_new: bool) -> None:
        process = await self.process()
        start = await self.started(process)
        await process.commit(replace(moved(start, "S"), results=[Result(0, 1, b"1")]))
        await process.commit(replace(moved(start, "S", version=2), results=[Result(0, 2, b"2")], is_new=is_new))

        assert (await process.adapter.ledger.snapshot(start.saga)).results == {0: b"1"}

    async def test_an_ended_saga_has_an_end(self) -> None:
        process = await self.process()
        start = await self.started(process)
        await process.commit(moved(start, "S", Phase.COMPLETED))

        snapshot = await process.adapter.ledger.snapshot(start.saga)

        assert snapshot.ended_at is not None
        assert snapshot.ended_at >= snapshot.started_at

    async def test_a_commit_notifies_the_processes_concerned(self) -> None:
        process, other = await self.process(), await self.process(OTHER_SERVICE)
        start = await self.started(process)
        notifications = Notifications(
            claim_refs={other.id: [ref(start)]}, services={OTHER_SERVICE}, ended={other.id: [start.saga]}
        )

        await process.commit(moved(start, "S", Phase.COMPLETED), notifications=notifications)

        assert await soon(other.heard.claim_refs.get()) == [ref(start)]
        assert await soon(other.heard.queue.get()) == OTHER_SERVICE
        assert await soon(other.heard.ended.get()) == {start.saga: None}
        assert process.heard.queue.empty()

    async def test_every_claim_of_a_large_commit_is_notified(self) -> None:
        process, other = await self.process(), await self.process()
        refs = [CommandRef(uuid4(), number) for number in range(1_000)]

        await process.commit(notifications=Notifications(claim_refs={other.id: refs}))

        heard: list[object] = []
        while len(heard) < len(refs):
            heard += await soon(other.heard.claim_refs.get())
        assert set(heard) == set(refs)

    async def test_an_empty_commit_is_not_a_write_conflict(self) -> None:
        process = await self.process()

        assert await process.commit() == []

    async def test_a_commit_in_a_transaction_is_visible_when_that_commits(self) -> None:
        process = await self.process()
        plan = graph(step("pay", mode=Mode.TRANSACTIONAL), name="transactional")
        start = await self.started(process, definition=plan)

        async with process.adapter.transaction() as connection:
            assert await process.commit(moved(start, "S"), wait=True, connection=connection) == []
            assert await self.version_and_state(process, start) == (1, state("D"))

        assert await self.version_and_state(process, start) == (2, state("S"))

    async def test_a_commit_in_a_transaction_finds_a_row_that_was_assumed_to_be_new(self) -> None:
        process = await self.process()
        start = await self.started(process)

        async with process.adapter.transaction() as connection:
            write = replace(moved(start, "D"), dispatches=[queued()], is_new=True)
            assert await process.commit(write, wait=True, connection=connection) == []

        assert await self.version_and_state(process, start) == (2, state("D"))

    async def test_a_commit_in_a_transaction_is_rolled_back_with_it(self) -> None:
        process = await self.process()
        start = await self.started(process)
        claim = (await process.poll_one()).number

        async with self.rolled_back(process) as connection:
            write = replace(moved(start, "S"), drops=[Drop(0, claim)])
            await process.commit(write, wait=True, connection=connection)

        assert await self.version_and_state(process, start) == (1, state("D"))
        assert await self.held(process, start) == {0}

    async def test_after_a_write_conflict_in_a_transaction_the_saga_stays_locked_as_returned(self) -> None:
        """G2: a transactional step decides again on the locked row."""
        if not self.locks_rows:
            pytest.skip("this store locks no rows")
        process, other = await self.process(), await self.process()
        start = await self.started(process, "DD")
        await other.commit(moved(start, "DS"))

        async with process.adapter.transaction() as connection:
            (conflict,) = await process.commit(moved(start, "SD"), wait=True, connection=connection)
            assert len(await other.commit(moved(start, "RS", version=2))) == 1
            again = moved(start, "SS", version=conflict.version)
            assert await process.commit(again, wait=True, connection=connection) == []

        assert await self.version_and_state(process, start) == (3, state("SS"))

    async def test_a_locked_saga_is_a_write_conflict_for_a_caller_that_does_not_wait(self) -> None:
        if not self.locks_rows:
            pytest.skip("this store locks no rows")
        process, other = await self.process(), await self.process()
        locked, free = await self.started(process), await self.started(process)

        async with process.adapter.transaction() as connection:
            await process.commit(moved(locked, "S"), wait=True, connection=connection)
            conflicts = await soon(other.commit(moved(free, "S"), moved(locked, "R")))

        assert [(conflict.position, conflict.version, conflict.state) for conflict in conflicts] == [(1, 1, state("D"))]
        assert await self.version_and_state(process, free) == (2, state("S"))

    async def test_a_commit_that_waits_for_a_locked_saga_gets_it_at_the_end_of_the_transaction(self) -> None:
        if not self.locks_rows:
            pytest.skip("this store locks no rows")
        process, other = await self.process(), await self.process()
        start = await self.started(process)

        async with process.adapter.transaction() as connection:
            await process.commit(moved(start, "S"), wait=True, connection=connection)
            waiting = asyncio.create_task(other.commit(moved(start, "R"), wait=True))
            await other.heartbeat()
            assert not waiting.done()
        (conflict,) = await soon(waiting)

        assert (conflict.version, conflict.state) == (2, state("S"))

    async def test_a_commit_cancelled_while_it_waits_writes_nothing(self) -> None:
        if not self.locks_rows:
            pytest.skip("this store locks no rows")
        process, other = await self.process(), await self.process()
        start = await self.started(process)

        async with self.rolled_back(process) as connection:
            await process.commit(moved(start, "S"), wait=True, connection=connection)
            waiting = asyncio.create_task(other.commit(moved(start, "R"), wait=True))
            await other.heartbeat()
            waiting.cancel()
            await asyncio.wait([waiting])

        assert await self.version_and_state(process, start) == (1, state("D"))
        assert await other.commit(moved(start, "S")) == []
