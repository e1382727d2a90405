"""Store suite: the read models for people. Lists, counts, and the details of one saga."""

from __future__ import annotations

import dataclasses
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from saga.core.rules.decision import HistoryEntry
from saga.core.rules.history_kind import HistoryKind
from saga.core.state.phase import Phase
from saga.errors import NotFound
from saga.ports.listing import SagaFilter
from saga.ports.saga_history import Transition
from saga.ports.values.write import PARKED_SECONDS, Delay, Drop, Result
from saga.testing.suites.store.stage import (
    EXECUTE,
    INPUT,
    OTHER_SERVICE,
    SERVICE,
    StoreStage,
    graph,
    moved,
    state,
    step,
    unmoved,
)

HOUR_SECONDS = 3600.0


class ListingTests(StoreStage):
    """Reads may be a moment old."""

    async def test_sagas_are_listed_newest_first(self) -> None:
        process = await self.process()
        starts = [await self.started(process) for _ in range(3)]

        lines = await process.adapter.listing.lines(SagaFilter())

        assert [line.saga for line in lines] == sorted((start.saga for start in starts), reverse=True)

    async def test_a_list_is_no_longer_than_its_limit(self) -> None:
        process = await self.process()
        for _ in range(3):
            await self.started(process)

        assert len(await process.adapter.listing.lines(SagaFilter(limit=2))) == 2

    async def test_a_list_continues_behind_the_last_line_of_the_previous_one(self) -> None:
        process = await self.process()
        starts = [await self.started(process) for _ in range(3)]
        newest, middle, oldest = sorted((start.saga for start in starts), reverse=True)

        (first,) = await process.adapter.listing.lines(SagaFilter(limit=1))
        rest = await process.adapter.listing.lines(SagaFilter(before=first.saga))

        assert first.saga == newest
        assert [line.saga for line in rest] == [middle, oldest]

    async def test_a_line_shows_the_status_of_a_saga(self) -> None:
        process = await self.process()
        start = replace(await self.ready(process, "SDP"), key="1017", deadline_seconds=HOUR_SECONDS)
        await process.start(start)

        (line,) = await process.adapter.listing.lines(SagaFilter())

        assert (line.definition_name, line.definition_version) == ("order_3", 1)
        assert (line.phase, line.steps, line.key, line.reason) == (Phase.RUNNING, ("step_1",), "1017", None)
        assert not line.is_stuck
        assert not line.is_paused
        assert not line.is_rollback_requested
        assert line.deadline == pytest.approx(line.started_at + HOUR_SECONDS, abs=0.001)
        assert line.ended_at is None
        assert line.since >= line.started_at

    async def test_sagas_are_listed_by_phase(self) -> None:
        process = await self.process()
        running, ended = await self.started(process), await self.started(process)
        await process.commit(moved(ended, "S", Phase.COMPLETED))

        async def found(*phases: Phase) -> list[object]:
            return [line.saga for line in await process.adapter.listing.lines(SagaFilter(phases=frozenset(phases)))]

        assert await found(Phase.RUNNING) == [running.saga]
        assert await found(Phase.COMPLETED) == [ended.saga]
        assert await found(Phase.COMPENSATED) == []

    async def test_sagas_are_listed_by_definition_and_by_start(self) -> None:
        process = await self.process()
        one = await self.started(process, definition=graph(step("a"), name="one"))
        await self.started(process, definition=graph(step("a"), name="two"))
        started_at = (await process.adapter.ledger.snapshot(one.saga)).started_at

        async def found(wanted: SagaFilter) -> int:
            return len(await process.adapter.listing.lines(wanted))

        assert await found(SagaFilter(definition_name="one")) == 1
        assert await found(SagaFilter(definition_name="three")) == 0
        assert await found(SagaFilter(started_since=started_at - HOUR_SECONDS)) == 2
        assert await found(SagaFilter(started_since=started_at + HOUR_SECONDS)) == 0

    async def test_sagas_are_listed_by_their_tags(self) -> None:
        process = await self.process()
        north = replace(await self.ready(process), tags='{"region": "north", "shop": "7"}')
        await process.start(north, replace(await self.ready(process), tags='{"region": "south"}'))
        await self.started(process)

        async def found(**tags: str) -> list[UUID]:
            return [line.saga for line in await process.adapter.listing.lines(SagaFilter(tags=tags))]

        assert await found(region="north") == await found(region="north", shop="7") == [north.saga]
        assert await found(region="north", shop="8") == []
        assert len(await found()) == 3

    async def test_stuck_sagas_are_listed(self) -> None:
        process = await self.process()
        stuck, _ = await self.started(process), await self.started(process)
        await process.commit(moved(stuck, "d"))

        (line,) = await process.adapter.listing.lines(SagaFilter(stuck=True))

        assert (line.saga, line.is_stuck) == (stuck.saga, True)

    async def test_sagas_are_counted_by_phase_and_stuck(self) -> None:
        process = await self.process()
        starts = [await self.started(process) for _ in range(4)]
        await process.commit(moved(starts[0], "S", Phase.COMPLETED), moved(starts[1], "d"))

        counts = await process.adapter.listing.counts()

        assert dict(counts.phases) == {Phase.RUNNING: 3, Phase.COMPLETED: 1}
        assert counts.stuck == 1

    async def test_a_detail_has_the_saga_with_its_graph(self) -> None:
        process = await self.process()
        plan = graph(step("a"), step("b", after=(0,)), name="case")
        start = replace(await self.ready(process, "DP", definition=plan), key="1017", deadline_seconds=HOUR_SECONDS)
        await process.start(start)

        case = await process.adapter.listing.detail(start.saga)

        assert (case.graph, case.state.vector, case.key, case.input) == (plan, "DP", "1017", INPUT)
        assert case.wake_at is not None
        assert case.started_at <= case.now < case.wake_at
        assert case.ended_at is None

    async def test_a_detail_has_the_outstanding_commands(self) -> None:
        process = await self.process()
        start = await self.started(process, "DDD")
        claim = {one.step: one for one in await process.poll(limit=2)}
        parked = Delay(0, claim[0].number, PARKED_SECONDS, 5.0, 1, "broke")
        await process.commit(replace(moved(start, "dDD"), delays=[parked]))

        commands = (await process.adapter.listing.detail(start.saga)).commands

        assert set(commands) == {0, 1, 2}
        assert (commands[0].due_at, commands[0].error, commands[0].failures) == (None, "broke", 1)
        assert commands[0].quiet_at is not None
        assert (commands[1].owner, commands[1].operation, commands[1].deliveries) == ("a process", EXECUTE, 1)
        assert commands[1].lease_until is not None
        assert (commands[2].owner, commands[2].deliveries) == (None, 0)

    async def test_a_detail_has_the_results_and_the_history(self) -> None:
        process = await self.process()
        start = replace(await self.ready(process, "DP"), entries=(HistoryEntry(HistoryKind.STARTED, -1, None),))
        await process.start(start)
        claim = await process.poll_one()
        write = replace(
            moved(start, "SD"),
            drops=[Drop(0, claim.number)],
            results=[Result(0, 2, b"7")],
            entries=(HistoryEntry(HistoryKind.SUCCEEDED, 0, "well done"),),
        )
        await process.commit(write)

        case = await process.adapter.listing.detail(start.saga)

        assert {number: (r.attempts, r.result, r.process) for number, r in case.records.items()} == {
            0: (2, b"7", "a process")
        }
        assert [(m.kind, m.step, m.detail, m.vector, m.process) for m in case.history] == [
            ("started", None, None, "DP", "a process"),
            ("succeeded", 0, "well done", "SD", "a process"),
        ]

    async def test_histories_have_what_a_checker_needs(self) -> None:
        process = await self.process()
        start = replace(await self.ready(process, "DP"), entries=(HistoryEntry(HistoryKind.STARTED, -1, None),))
        await process.start(start)
        claim = await process.poll_one()
        await process.commit(replace(unmoved(start), entries=(HistoryEntry(HistoryKind.FAILED, 0, "broke"),)))
        both = (HistoryEntry(HistoryKind.SUCCEEDED, 0, None), HistoryEntry(HistoryKind.FAILED, 0, "no matter"))
        write = replace(moved(start, "SD"), drops=[Drop(0, claim.number)], results=[Result(0, 1, b"7")], entries=both)
        await process.commit(write)

        page = await process.adapter.listing.histories(start.saga, 1)
        definition = await process.adapter.directory.graph(start.definition)

        (found,) = page.histories
        assert (found.saga, found.definition, found.version, found.phase, found.vector, found.results) == (
            start.saga, start.definition, 2, "R", "SD", frozenset({0}),
        )  # fmt: skip
        assert list(found.transitions) == [
            Transition(1, "R", "DP", "started", None, None, process.id),
            Transition(2, "R", "SD", "succeeded", 0, None, process.id),
            Transition(2, "R", "SD", "failed", 0, "no matter", process.id),
            Transition(None, "R", "DP", "failed", 0, "broke", process.id),
        ]
        assert page.documents == {start.definition: definition.canonical}
        assert page.kept_since is None or page.kept_since <= found.started_at

    async def test_histories_are_paged_in_the_order_of_ids(self) -> None:
        process = await self.process()
        listing = process.adapter.listing
        sagas = sorted([(await self.started(process)).saga for _ in range(5)])

        first = await listing.histories(sagas[1], 3)
        second = await listing.histories(UUID(int=sagas[3].int + 1), 3)

        assert [one.saga for one in first.histories] == sagas[1:4]
        assert [one.saga for one in second.histories] == sagas[4:]
        assert (await listing.histories(UUID(int=sagas[4].int + 1), 3)).histories == []

    async def test_a_write_conflict_leaves_no_history(self) -> None:
        process = await self.process()
        start = await self.started(process)

        await process.commit(
            replace(moved(start, "S", version=2), entries=(HistoryEntry(HistoryKind.SUCCEEDED, 0, None),))
        )

        assert (await process.adapter.listing.detail(start.saga)).history == ()

    async def test_a_detail_shows_which_processes_can_act(self) -> None:
        process = await self.process(SERVICE, OTHER_SERVICE)
        start = await self.started(process)

        case = await process.adapter.listing.detail(start.saga)

        assert dict(case.serving) == {SERVICE: ("a process",), OTHER_SERVICE: ("a process",)}
        assert case.leader is None

    async def test_an_unknown_saga_has_no_detail(self) -> None:
        process = await self.process()

        with pytest.raises(NotFound):
            await process.adapter.listing.detail(uuid4())

    async def test_definitions_are_listed_by_name_and_newest_version_first(self) -> None:
        process = await self.process()
        directory = process.adapter.directory
        for name, version, activate in (("b", 1, True), ("a", 1, True), ("a", 2, False)):
            plan = graph(step("x"), step("y", OTHER_SERVICE), name=name, version=version)
            await directory.register(plan, None, activate=activate, overwrite=False)
        live = await self.started(process, "DP", definition=graph(step("x"), step("y", OTHER_SERVICE), name="b"))
        done = await self.started(process, "DP", definition=graph(step("x"), step("y", OTHER_SERVICE), name="b"))
        await process.commit(moved(done, "SS", Phase.COMPLETED))

        listed = await process.adapter.listing.definitions()

        assert [(one.name, one.version, one.is_default, one.live) for one in listed] == [
            ("a", 2, False, 0),
            ("a", 1, True, 0),
            ("b", 1, True, 1),
        ]
        assert (listed[2].number, listed[2].steps, set(listed[2].services)) == (
            live.definition,
            2,
            {SERVICE, OTHER_SERVICE},
        )

    async def test_paused_sagas_and_requested_rollbacks_are_marked(self) -> None:
        process = await self.process()
        start = await self.started(process)
        marked = replace(state("D"), paused=True, rollback_requested=True, reason="asked")
        await process.commit(replace(moved(start, "D"), state=marked))

        (line,) = await process.adapter.listing.lines(SagaFilter())

        assert line.is_paused
        assert line.is_rollback_requested
        assert line.reason == "asked"

    async def test_a_survey_counts_running_sagas(self) -> None:
        process = await self.process()
        await self.started(process)
        stuck, back, ended = [await self.started(process) for _ in range(3)]
        await process.commit(moved(stuck, "d"))
        await process.commit(moved(back, "K", Phase.COMPENSATING))
        await process.commit(moved(ended, "S", Phase.COMPLETED))

        survey = await process.adapter.listing.survey(100)

        assert survey.phases == {("order_1", Phase.RUNNING): 2, ("order_1", Phase.COMPENSATING): 1}
        assert survey.stuck == {"order_1": 1}
        assert (survey.processes, survey.waiting) == ({SERVICE: 1}, {})
        assert (survey.scan_lag_seconds, survey.deadline_overdue_seconds, survey.is_cut) == (0, 0, False)

    async def test_a_survey_counts_late_sagas(self) -> None:
        process = await self.process()
        elsewhere = graph(step("a", OTHER_SERVICE), name="elsewhere")
        for definition in (None, elsewhere):
            start = replace(await self.ready(process, definition=definition), deadline_seconds=-60.0)
            await process.start(start)

        survey = await process.adapter.listing.survey(100)

        assert survey.deadline_overdue_seconds == pytest.approx(60, abs=5)
        assert survey.scan_lag_seconds == pytest.approx(60, abs=5)
        assert survey.queues[SERVICE].commands == 1
        assert 0 <= survey.queues[OTHER_SERVICE].oldest_seconds < 5
        assert survey.processes == {SERVICE: 1, OTHER_SERVICE: 0}

    async def test_a_saga_whose_rollback_is_under_way_or_impossible_is_not_late(self) -> None:
        process = await self.process()
        passed = graph(dataclasses.replace(step("a"), pivot=True), step("b", after=(0,)), name="passed")
        asked = replace(state("D"), rollback_requested=True)
        for start in (
            replace(await self.ready(process, "SD", definition=passed), deadline_seconds=-60.0),
            replace(await self.ready(process), deadline_seconds=-60.0, state=asked),
            replace(await self.ready(process, "K"), deadline_seconds=-60.0),
        ):
            await process.start(start)
            await process.commit(replace(moved(start, start.state.vector, start.state.phase), state=start.state))

        assert (await process.adapter.listing.survey(100)).deadline_overdue_seconds == 0

    async def test_a_truncated_survey_says_so(self) -> None:
        process = await self.process()
        for _ in range(3):
            await self.started(process)

        survey = await process.adapter.listing.survey(2)

        assert survey.is_cut
        assert sum(survey.phases.values()) == 2
