"""Store suite: definitions, contracts, statuses, audit and retention."""

from __future__ import annotations

import dataclasses
from uuid import uuid4

import pytest
from msgspec.structs import replace

from saga.core.definition.contract import Contract
from saga.core.definition.json_value import Json
from saga.core.rules.decision import HistoryEntry
from saga.core.rules.history_kind import HistoryKind
from saga.core.state.mode import Mode
from saga.core.state.phase import Phase
from saga.errors import AlreadyExists, Conflict, NotFound
from saga.ports.saga_history import LETTERS_IN_EACH_LINE_MAX, VECTOR_EVERY_VERSIONS
from saga.ports.values.audit import Action, Audit, AuditFilter
from saga.ports.values.write import Drop, Result
from saga.testing.suites.store.stage import (
    StoreStage,
    graph,
    moved,
    queued,
    step,
    unmoved,
)

HOUR_SECONDS = 3600.0
SHORT_SECONDS = 0.1


def contract(handler: str = "reserve", *, version: str | None = "1") -> Contract:
    return Contract(
        service="stock",
        handler=handler,
        mode=Mode.JOURNALED,
        has_compensation=True,
        has_probe=False,
        read_only=False,
        input_schema={"type": "object", "properties": {"sku": {"type": "string"}}},
        output_schema=None,
        handler_version=version,
    )


class RecordTests(StoreStage):
    """Everything off the hot path."""

    async def test_a_definition_is_stored_under_its_number(self) -> None:
        directory = (await self.adapter()).directory
        plan = graph(step("a"), step("b", after=(0,), reads=(0,)))

        number = await directory.register(plan, {"type": "object"}, activate=False, overwrite=False)

        stored = await directory.graph(number)
        assert (stored, stored.hash, stored.input_schema) == (plan, plan.hash, {"type": "object"})

    async def test_the_text_of_a_definition_is_kept_until_a_later_one_replaces_it(self) -> None:
        directory = (await self.adapter()).directory
        plan, kept = graph(step("a")), []
        number = 0

        for source in (None, "one", None, "two"):
            number = await directory.register(
                dataclasses.replace(plan, source=source), None, activate=False, overwrite=False
            )
            kept.append(await directory.source(number))

        assert kept == [None, "one", "one", "two"]
        assert await directory.source(number + 1) is None

    async def test_the_schemas_of_a_definition_are_kept_until_later_ones_replace_them(self) -> None:
        directory = (await self.adapter()).directory
        plan, kept = graph(step("a")), list[Json]()

        for schema in ({}, None, {"type": "string"}):
            given = dataclasses.replace(plan, event_schemas=schema)
            found = await directory.graph(await directory.register(given, schema, activate=False, overwrite=False))
            kept.append((found.input_schema, found.event_schemas))
        assert kept == [({}, {}), ({}, {}), ({"type": "string"}, {"type": "string"})]

    async def test_a_long_saga_has_its_vector_only_in_some_lines_of_its_history(self) -> None:
        process, steps = await self.process(), LETTERS_IN_EACH_LINE_MAX + 1
        plan = graph(*(step(f"s{n}", after=(n - 1,) if n else ()) for n in range(steps)), name="long")
        start = await self.started(process, "D" + "P" * (steps - 1), definition=plan)
        successes = range(1, VECTOR_EVERY_VERSIONS)
        for version in successes:
            vector = "S" * version + "D" + "P" * (steps - version - 1)
            entries = [HistoryEntry(HistoryKind.SUCCEEDED, version - 1, None)]
            if version % 2 == 0:  # two lines about a step take the other way into the store
                entries.append(HistoryEntry(HistoryKind.FAILED, version - 1, "no matter"))
            write = replace(
                moved(start, vector, version=version), drops=[Drop(version - 1, None)], entries=tuple(entries)
            )
            await process.commit(write)

        page = await process.adapter.listing.histories(start.saga, 1)

        lines = page.histories[0].transitions
        kept = {line.version: line.vector is not None for line in lines if line.kind == HistoryKind.SUCCEEDED}
        assert kept == {version + 1: version + 1 == VECTOR_EVERY_VERSIONS for version in successes}
        assert all(line.vector for line in lines if line.kind == HistoryKind.FAILED)
        detail = await process.adapter.listing.detail(start.saga)
        assert [line.vector for line in detail.history if line.step == 0] == [None]

    async def test_the_same_definition_again_has_the_same_number(self) -> None:
        directory = (await self.adapter()).directory
        plan = graph(step("a"))

        numbers = {await directory.register(plan, None, activate=True, overwrite=False) for _ in range(2)}

        assert len(numbers) == 1

    async def test_another_graph_under_the_same_name_and_version_is_a_conflict_that_shows_the_difference(self) -> None:
        directory = (await self.adapter()).directory
        number = await directory.register(graph(step("a")), None, activate=True, overwrite=False)

        with pytest.raises(Conflict, match="step b"):
            await directory.register(graph(step("a"), step("b")), None, activate=True, overwrite=False)

        assert await directory.find("order", 1) == (number, graph(step("a")))

    async def test_a_version_without_running_sagas_can_be_overwritten(self) -> None:
        directory = (await self.adapter()).directory
        await directory.register(graph(step("a")), None, activate=True, overwrite=False)
        changed = graph(step("a"), step("b"))

        number = await directory.register(changed, None, activate=True, overwrite=True)

        assert await directory.find("order", 1) == (number, changed)
        assert await directory.find("order", None) == (number, changed)

    async def test_a_version_with_running_sagas_cannot_be_overwritten(self) -> None:
        process = await self.process()
        await self.started(process, definition=graph(step("a")))

        with pytest.raises(Conflict):
            await process.adapter.directory.register(graph(step("b")), None, activate=True, overwrite=True)

    async def test_an_ended_saga_keeps_the_graph_that_was_overwritten(self) -> None:
        process = await self.process()
        start = await self.started(process, definition=graph(step("a")))
        await process.commit(moved(start, "S", Phase.COMPLETED))

        await process.adapter.directory.register(graph(step("b"), step("c")), None, activate=True, overwrite=True)

        snapshot = await process.adapter.ledger.snapshot(start.saga)
        assert (snapshot.definition_name, snapshot.definition_version) == ("order", 1)
        assert len((await process.adapter.directory.graph(snapshot.definition)).steps) == 1

    async def test_statuses_show_the_phase_of_each_saga_and_the_results_of_completed_ones(self) -> None:
        process = await self.process()
        running, ended, back = [await self.started(process, "D") for _ in range(3)]
        result = Result(0, 1, b"7")
        assert await process.commit(replace(moved(ended, "S", Phase.COMPLETED), results=[result])) == []
        assert await process.commit(moved(back, "V", Phase.COMPENSATED)) == []

        found = await process.adapter.ledger.statuses([running.saga, ended.saga, back.saga, uuid4()])

        assert {saga: standing.phase for saga, standing in found.items()} == {
            running.saga: Phase.RUNNING,
            ended.saga: Phase.COMPLETED,
            back.saga: Phase.COMPENSATED,
        }
        assert (found[ended.saga].input, found[ended.saga].results) == (ended.input, {0: b"7"})
        assert (found[back.saga].input, found[back.saga].results) == (None, {})

    async def test_a_definition_is_found_by_name_in_its_last_activated_version(self) -> None:
        directory = (await self.adapter()).directory
        plans = {version: graph(step("a"), version=version) for version in (1, 2, 3)}
        for version, plan in plans.items():
            await directory.register(plan, None, activate=version < 3, overwrite=False)

        assert (await directory.find("order", None))[1].version == 2
        assert (await directory.find("order", 3))[1].version == 3
        await directory.register(plans[3], None, activate=True, overwrite=False)
        assert (await directory.find("order", None))[1].version == 3
        await directory.register(plans[1], None, activate=True, overwrite=False)
        assert (await directory.find("order", None))[1].version == 3

    async def test_an_unregistered_definition_is_not_found(self) -> None:
        directory = (await self.adapter()).directory
        await directory.register(graph(step("a")), None, activate=False, overwrite=False)

        for name, version in (("order", None), ("order", 2), ("other", 1)):
            with pytest.raises(NotFound):
                await directory.find(name, version)
        with pytest.raises(NotFound):
            await directory.graph(999)

    async def test_an_unknown_name_is_refused_with_the_nearest_one(self) -> None:
        directory = (await self.adapter()).directory
        await directory.register(graph(step("a")), None, activate=True, overwrite=False)

        with pytest.raises(NotFound, match=r"definition 'ordr'\. Did you mean order\?"):
            await directory.find("ordr", None)
        with pytest.raises(NotFound, match=r"definition 'nothing'\. Start a process that registers it"):
            await directory.find("nothing", None)
        with pytest.raises(NotFound, match=r"no definition 'order' version 7\. Start a process"):
            await directory.find("order", 7)

    async def test_contracts_are_found_by_their_names(self) -> None:
        directory = (await self.adapter()).directory

        await directory.publish([contract("reserve"), contract("release")])

        published = {"stock.reserve": contract("reserve"), "stock.release": contract("release")}
        assert await directory.contracts() == published

    async def test_a_contract_published_again_replaces_the_older_one(self) -> None:
        directory = (await self.adapter()).directory
        await directory.publish([contract(version="1")])

        await directory.publish([contract(version="2")])
        await directory.publish([])

        assert (await directory.contracts())["stock.reserve"].handler_version == "2"

    async def test_the_action_of_an_operator_is_recorded(self) -> None:
        process = await self.process()
        start = await self.started(process)

        ledger, action = (
            process.adapter.ledger,
            Action("ann", "pause", None, "a test", "token", "::1", f"{start.saga}", "ab"),
        )
        applied, refused = (
            Audit(action, {"before": {"paused": False}}),
            Audit(replace(action, request=f"{start.saga} again"), {}, "no"),
        )
        assert await process.commit(replace(moved(start, "D"), audits=[applied])) == []
        await ledger.record(start.saga, refused)

        lines = await ledger.audits(AuditFilter(saga=start.saga))

        assert [line.audit for line in lines] == [refused, applied]
        newest, oldest = lines
        assert (newest.saga, oldest.saga) == (start.saga, start.saga)
        assert newest.at >= oldest.at > 0
        assert await ledger.audits(AuditFilter(before=newest.id, saga=start.saga)) == [oldest]
        assert await ledger.audits(AuditFilter(request=f"{start.saga} again", limit=9)) == [newest]
        assert await ledger.audits(AuditFilter(saga=start.saga, actor="ann", limit=1)) == [newest]
        assert await ledger.audits(AuditFilter(saga=uuid4())) == []

    async def test_a_request_is_in_the_audit_once(self) -> None:
        process = await self.process()
        start = await self.started(process)
        audit = Audit(Action("ann", "pause", None, None, request=f"{start.saga}"), {})
        await process.adapter.ledger.record(start.saga, audit)

        with pytest.raises(AlreadyExists):
            await process.commit(replace(moved(start, "D"), audits=[audit]))
        with pytest.raises(AlreadyExists):
            await process.adapter.ledger.record(start.saga, audit)

        assert (await self.version_and_state(process, start))[0] == 1, "nothing of the write was made"
        assert len(await process.adapter.ledger.audits(AuditFilter(saga=start.saga))) == 1

    async def test_a_write_conflict_leaves_no_line_in_the_audit(self) -> None:
        process = await self.process()
        start = await self.started(process)
        audit = Audit(Action("ann", "pause", None, None, request=f"{start.saga}"), {})

        conflicts = await process.commit(replace(moved(start, "D", version=7), audits=[audit]))

        assert len(conflicts) == 1
        assert await process.adapter.ledger.audits(AuditFilter(saga=start.saga)) == []

    async def test_a_finished_saga_is_purged_with_its_key(self) -> None:
        process = await self.process()
        start = replace(await self.ready(process, definition=graph(step("a"))), key="1017")
        await process.start(start)
        await process.commit(replace(moved(start, "S", Phase.COMPLETED), results=[Result(0, 1, b"1")]))
        await self.advance(SHORT_SECONDS)

        assert await process.adapter.retention.purge(0.0, 10) == 1

        with pytest.raises(NotFound):
            await process.adapter.ledger.snapshot(start.saga)
        assert await process.adapter.ledger.find_key("order", "1017") is None

    async def test_running_and_young_sagas_are_not_purged(self) -> None:
        process = await self.process()
        running, young = await self.started(process), await self.started(process)
        await process.commit(moved(young, "S", Phase.COMPLETED))

        assert await process.adapter.retention.purge(HOUR_SECONDS, 10) == 0

        assert (await self.version_and_state(process, running))[0] == 1
        assert (await self.version_and_state(process, young))[0] == 2

    async def test_a_purge_deletes_at_most_its_limit(self) -> None:
        process = await self.process()
        for _ in range(3):
            await process.commit(moved(await self.started(process), "S", Phase.COMPLETED))
        await self.advance(SHORT_SECONDS)

        assert [await process.adapter.retention.purge(0.0, 2) for _ in range(3)] == [2, 1, 0]

    async def test_a_finished_saga_is_purged_whatever_stands_before_it(self) -> None:
        process = await self.process()
        for ends in (False, False, True, False, True, True):
            start = await self.started(process)
            if ends:
                await process.commit(moved(start, "S", Phase.COMPLETED))
        await self.advance(SHORT_SECONDS)

        assert [await process.adapter.retention.purge(0.0, 2) for _ in range(2)] == [2, 1]

    async def test_history_is_purged_without_harm_to_sagas(self) -> None:
        process = await self.process()
        start = await self.started(process)

        for _ in range(2):
            await process.adapter.retention.keep_history(30.0)
        await process.commit(replace(unmoved(start), dispatches=[queued()]))

        assert (await self.version_and_state(process, start))[0] == 1
