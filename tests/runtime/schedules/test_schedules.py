"""Schedules: each moment starts its saga once, or is recorded as missed with the reason."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from pydantic import BaseModel

import saga
from saga import Conflict, Definition, DefinitionError, InputRefused, NotFound, Participant, Schedule, UsageError
from saga.authoring.schedule import JITTER_MS_MAX
from saga.client.schedules.starting import ScheduledStarts
from saga.core.schedule.due import BUSY, NEWER
from saga.core.schedule.moment import moment_at
from saga.ports.schedules.rows import RUNS_KEPT, Cause, Run
from saga.ports.values.audit import AuditFilter
from tests.runtime.world import Gate, Sql, World, until

DAY = 86_400.0


class Night(BaseModel):
    region: str
    moment: str = ""


class Reports:
    """A service that notes each report; `hold` makes it wait."""

    def __init__(self) -> None:
        self.inputs: list[dict[str, Any]] = []
        self.undone = 0
        self.gate = Gate()
        self.gate.open()
        self.participant = Participant("reports")

        @self.participant.step(external=True)
        async def write(value: Night) -> None:
            self.inputs.append(value.model_dump())
            await self.gate.wait()

        @write.compensation
        async def remove(value: Night) -> None:
            self.undone += 1

    def hold(self) -> None:
        self.gate = Gate()

    def definition(self) -> Definition:
        report = Definition("report", input=Night)
        report.step("reports.write", inputs=report.input)
        return report


async def joined(world: World, reports: Reports, **settings: Any) -> saga.App:
    app = await world.join(reports.participant, **settings)
    await app.register(reports.definition())
    return app


def hourly(**fields: Any) -> Schedule:
    return Schedule("hourly", "report", {"region": "eu"}, every="1h", **fields)


async def go_back(app: saga.App, name: str, seconds: float) -> None:
    """Moves the schedule into the past: it was put, or kept last, that long ago."""
    async with app.adapter.transaction() as tx:
        row = await app.adapter.schedules.lock(name, tx)
        assert row is not None
        now = app.process.store_clock.now()
        last = None if row.last is None else moment_at(row.last.instant - seconds, row.spec.when.zone)
        await app.adapter.schedules.put(replace(row, since=row.since - seconds, last=last, next_at=now - 1), tx)


async def keep(app: saga.App) -> None:
    await ScheduledStarts(app).start_due()


async def test_a_leader_starts_the_saga_of_a_moment_with_its_key_its_tags_and_its_moment(any_world: World) -> None:
    reports = Reports()
    app = await joined(any_world, reports, scan=0.1)
    await any_world.supervise(app)
    await app.schedules.put(Schedule("often", "report", {"region": "eu"}, every="1s"))
    await until(lambda: reports.inputs, "a report is written")
    await app.schedules.pause("often")

    lines = await app.schedules.lines("often")
    first = lines[-1].run
    assert first.saga is not None
    handle = await app.find("report", f"often@{first.moment.text}")
    detail = await app.detail(handle.id)

    assert handle.id == first.saga
    assert reports.inputs[0] == {"region": "eu", "moment": first.moment.aware.isoformat()}
    assert json.loads(detail.tags or "") == {"schedule": "often", "moment": first.moment.text}


async def test_after_an_outage_the_last_moment_is_started_and_the_others_are_recorded(any_world: World) -> None:
    reports = Reports()
    app = await joined(any_world, reports)
    await app.schedules.put(hourly())
    await go_back(app, "hourly", DAY)
    await keep(app)
    await keep(app)

    started, missed = await app.schedules.lines("hourly")

    assert started.run.saga is not None
    assert (missed.run.count, missed.run.why) == (23, NEWER)
    assert missed.run.last is not None
    assert missed.run.last.instant + 3600 == started.run.moment.instant


async def test_leaders_that_look_at_once_start_each_moment_once(any_world: World) -> None:
    reports = Reports()
    app, other = await joined(any_world, reports), await any_world.join()
    await app.schedules.put(hourly(overlap="start", catch_up="all"))
    await go_back(app, "hourly", DAY)
    await asyncio.gather(*[keep(each) for each in (app, other) for _ in range(3)])

    lines = await app.schedules.lines("hourly", limit=100)
    assert len(lines) == 24
    assert len({line.run.saga for line in lines}) == 24
    assert len((await app.search("definition:report", limit=100)).lines) == 24


async def test_people_and_leaders_that_start_at_once_start_one_saga(any_world: World) -> None:
    """Each looks at the saga of the earlier moment under the lock of the schedule."""
    reports = Reports()
    reports.hold()
    app, other = await joined(any_world, reports), await any_world.join()
    await app.schedules.put(hourly())
    await go_back(app, "hourly", 3600)
    now = app.process.store_clock.now()
    begin, end = (moment_at(now - hours * 3600, "UTC").local.isoformat() for hours in (30, 20))
    filling = [each.schedules.fill("hourly", begin, end) for each in (app, other)]
    await asyncio.gather(keep(app), *filling, keep(other))

    found = (await app.search("definition:report", limit=100)).lines
    reports.gate.open()
    assert len(found) == 1


async def test_a_moment_is_missed_while_the_saga_before_goes_on(any_world: World) -> None:
    reports = Reports()
    reports.hold()
    app = await joined(any_world, reports)
    await app.schedules.put(hourly())
    first = await app.schedules.start_now("hourly")
    await reports.gate.somebody_waits()
    await go_back(app, "hourly", 3600)
    await keep(app)

    newest = (await app.schedules.lines("hourly"))[0].run
    with pytest.raises(Conflict, match=f"saga {first} of schedule hourly has not ended"):
        await app.schedules.start_now("hourly")
    (beside,) = (await app.schedules.fill("hourly", *[newest.moment.local.isoformat()] * 2, overlap="start")).started
    reports.gate.open()

    assert (newest.saga, newest.why) == (None, BUSY)
    assert beside != first


async def test_a_moment_waits_for_the_saga_before(any_world: World) -> None:
    reports = Reports()
    reports.hold()
    app = await joined(any_world, reports)
    await app.schedules.put(hourly(overlap="wait"))
    first = await app.schedules.start_now("hourly")
    await reports.gate.somebody_waits()
    await go_back(app, "hourly", 3600)
    await keep(app)
    while_it_runs = await app.schedules.lines("hourly")
    reports.gate.open()
    await app.handle(first).result(20)
    await go_back(app, "hourly", 0)
    await keep(app)

    assert len(while_it_runs) == 1
    newest = (await app.schedules.lines("hourly"))[0].run
    assert newest.saga not in (None, first)
    assert newest.cause is Cause.MOMENT


async def test_the_saga_before_is_rolled_back_and_then_replaced(any_world: World) -> None:
    reports = Reports()
    reports.hold()
    app = await joined(any_world, reports)
    await app.schedules.put(hourly(overlap="replace"))
    first = await app.schedules.start_now("hourly")
    await reports.gate.somebody_waits()
    await go_back(app, "hourly", 3600)
    await keep(app)
    await keep(app)
    reports.gate.open()
    ending = await app.handle(first).result(20)
    await go_back(app, "hourly", 0)
    await keep(app)

    newest = (await app.schedules.lines("hourly"))[0].run
    audited = await app.process.ledger.audits(AuditFilter(saga=first))
    assert (ending.status, newest.saga not in (None, first)) == ("compensated", True)
    assert [(line.audit.action.actor, line.audit.action.action) for line in audited] == [
        ("schedule hourly", "roll back")
    ]


async def test_what_was_missed_is_filled_in_once(any_world: World) -> None:
    reports = Reports()
    app = await joined(any_world, reports)
    await app.schedules.put(hourly())
    now = app.process.store_clock.now()
    begin, end = (moment_at(now - hours * 3600, "UTC").local.isoformat() for hours in (5, 1))

    filled = await app.schedules.fill("hourly", begin, end, overlap="start")
    again = await app.schedules.fill("hourly", begin, end, overlap="start")

    assert (len(filled.started), filled.left) == (4, ())
    assert (again.started, again.left) == ((), ())
    assert {line.run.cause for line in await app.schedules.lines("hourly")} == {Cause.FILL}
    assert json.loads((await app.detail(filled.started[0])).tags or "")["started_by"] == "fill"


async def test_filling_in_stops_where_the_saga_before_goes_on(any_world: World) -> None:
    reports = Reports()
    reports.hold()
    app = await joined(any_world, reports)
    await app.schedules.put(hourly())
    now = app.process.store_clock.now()
    begin, end = (moment_at(now - hours * 3600, "UTC").local.isoformat() for hours in (4, 0))

    filled = await app.schedules.fill("hourly", begin, end)
    reports.gate.open()

    assert (len(filled.started), len(filled.left)) == (1, 3)


async def test_the_moments_of_a_pause_are_missed(any_world: World) -> None:
    reports = Reports()
    app = await joined(any_world, reports)
    await app.schedules.put(hourly())
    await app.schedules.pause("hourly", actor="ann", reason="stocktaking")
    await go_back(app, "hourly", 3 * 3600)
    await keep(app)
    with pytest.raises(Conflict, match="is paused already"):
        await app.schedules.pause("hourly")
    await app.schedules.resume("hourly")
    with pytest.raises(Conflict, match="is not paused"):
        await app.schedules.resume("hourly")
    await keep(app)

    (line,) = await app.schedules.lines("hourly")
    audited = [line.audit.action for line in await app.process.ledger.audits(AuditFilter())][::-1]
    assert (line.run.count, line.run.why) == (3, "the schedule was paused")
    assert [action.action for action in audited] == ["put schedule", "pause schedule", "resume schedule"]
    assert (audited[1].actor, audited[1].reason) == ("ann", "stocktaking")


async def test_a_change_of_the_times_deals_with_what_has_come_before(any_world: World) -> None:
    reports = Reports()
    app = await joined(any_world, reports)
    await app.schedules.put(hourly())
    await go_back(app, "hourly", 3 * 3600)
    changed = await app.schedules.put(Schedule("hourly", "report", {"region": "eu"}, every="30m"))
    same = await app.schedules.put(Schedule("hourly", "report", {"region": "eu"}, every="30m"))
    before = await app.schedules.lines("hourly")
    await keep(app)

    assert (changed, same) == (True, False)
    assert [(line.run.count, line.run.saga is not None) for line in before] == [(1, True), (2, False)]
    assert await app.schedules.lines("hourly") == before


async def test_a_change_while_a_moment_waits_records_it_as_missed(any_world: World) -> None:
    reports = Reports()
    reports.hold()
    app = await joined(any_world, reports)
    await app.schedules.put(hourly(overlap="wait"))
    await app.schedules.start_now("hourly")
    await go_back(app, "hourly", 3600)
    await app.schedules.put(Schedule("hourly", "report", {"region": "eu"}, every="30m"))
    reports.gate.open()

    newest = (await app.schedules.lines("hourly"))[0].run
    assert (newest.saga, newest.why) == (None, "the schedule was changed before its saga could start")


async def test_a_start_that_is_refused_is_a_missed_moment_and_the_next_goes_on(any_world: World) -> None:
    """Here the definition has become stricter since the schedule was put."""
    reports = Reports()
    app = await joined(any_world, reports)
    await app.schedules.put(Schedule("hourly", "report", {"region": "eu"}, every="1h", overlap="start", catch_up="all"))
    stricter = Definition("report", 2, input=int)
    stricter.step("reports.write", inputs={"region": "eu"})
    await app.register(stricter)
    await go_back(app, "hourly", 2 * 3600)
    await keep(app)
    with pytest.raises(UsageError, match="cannot be started: the input of report v2 does not fit"):
        await app.schedules.start_now("hourly")

    lines = await app.schedules.lines("hourly")
    row = await app.schedules.find("hourly")
    assert [line.run.saga for line in lines] == [None, None]
    assert all("the input of report v2 does not fit" in (line.run.why or "") for line in lines)
    assert row.last == lines[0].run.moment


async def test_a_leader_that_dies_between_the_start_and_the_end_of_its_transaction_loses_no_moment(
    any_world: World,
) -> None:
    reports = Reports()
    app = await joined(any_world, reports)
    await app.schedules.put(hourly())
    await go_back(app, "hourly", 3600)
    dying = ScheduledStarts(app)

    async def die(*_: object, **__: object) -> None:
        raise asyncio.CancelledError

    dying.settle = _then(dying.settle, die)  # type: ignore[method-assign]
    with pytest.raises(asyncio.CancelledError):
        await dying.keep("hourly")
    nothing = await app.schedules.lines("hourly")
    await keep(app)

    assert nothing == []
    (line,) = await app.schedules.lines("hourly")
    assert [found.saga for found in (await app.search("definition:report")).lines] == [line.run.saga]


def _then(first: Any, second: Any) -> Any:
    async def both(*arguments: Any) -> Any:
        await first(*arguments)
        return await second()

    return both


async def test_what_cannot_be_kept_is_refused_when_it_is_put(any_world: World) -> None:
    reports = Reports()
    app = await joined(any_world, reports)

    with pytest.raises(InputRefused, match=r"schedule hourly: the input does not fit report v1: .*region"):
        await app.schedules.put(Schedule("hourly", "report", every="1h"))
    with pytest.raises(NotFound, match="rapport"):
        await app.schedules.put(Schedule("hourly", "rapport", every="1h"))
    with pytest.raises(NotFound, match="there is no schedule 'houly': saga schedule ls lists them"):
        await app.schedules.find("houly")
    with pytest.raises(NotFound, match="there is no schedule"):
        await app.schedules.pause("houly")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"name": "Night ly", "every": "1h"}, "a name has a-z"),
        ({"every": "1h", "overlap": "queue"}, "schedule s: overlap='queue' is not one of skip, start, wait, replace"),
        ({"every": "1h", "catch_up": "some"}, "catch_up='some' is not one of last, all, none"),
        ({"every": "1h", "jitter": "0s"}, f"is not between 1 ms and {JITTER_MS_MAX // 86_400_000} days"),
        ({"every": "1h", "within": "soon"}, "schedule s: within: "),
        ({"cron": "x"}, "schedule s: cron='x' does not have the five fields"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused_with_the_field(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        Schedule(**{"name": "s", "definition": "report", **fields})

    assert reason in str(refused.value)


async def test_a_removed_schedule_starts_nothing_and_its_sagas_go_on(any_world: World) -> None:
    reports = Reports()
    app = await joined(any_world, reports)
    await app.schedules.put(hourly())
    started = await app.schedules.start_now("hourly")
    await app.schedules.remove("hourly", reason="not needed any more")
    await keep(app)

    assert await app.schedules.all() == []
    assert (await app.handle(started).result(20)).status == "completed"


async def test_the_newest_lines_are_kept(any_world: World) -> None:
    app = await joined(any_world, Reports())
    await app.schedules.put(hourly())
    moments = [moment_at(3600.0 * n, "UTC") for n in range(RUNS_KEPT + 5)]
    async with app.adapter.transaction() as tx:
        await app.adapter.schedules.lock("hourly", tx)
        await app.adapter.schedules.add("hourly", [Run(moment, Cause.MOMENT, UUID(int=1)) for moment in moments], tx)

    newest = await app.schedules.lines("hourly", limit=2)
    older = await app.schedules.lines("hourly", limit=RUNS_KEPT + 5, before=newest[-1].id)
    assert [line.run.moment for line in newest] == moments[:-3:-1]
    assert len(older) == RUNS_KEPT - 2


async def test_people_read_schedules_in_sql(world: World, sql: Sql) -> None:
    reports = Reports()
    app = await joined(world, reports)
    await app.schedules.put(Schedule("nightly", "report", {"region": "eu"}, cron="0 2 * * *", zone="Europe/Berlin"))

    (row,) = await sql.fetch("select * from schedules")
    assert (row["name"], row["definition"], row["when"], row["zone"]) == (
        "nightly",
        "report",
        "cron 0 2 * * *",
        "Europe/Berlin",
    )
