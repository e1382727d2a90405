"""People put, change, pause, fill in and remove schedules."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from saga import Conflict, DefinitionError, InputRefused, NotFound, Schedule
from saga.authoring.schedule import JITTER_MS_MAX
from saga.core.schedule.moment import moment_at
from saga.ports.schedules.rows import RUNS_KEPT, Cause, Run
from saga.ports.values.audit import AuditFilter
from tests.runtime.schedules.reports import Reports, go_back, hourly, joined, keep
from tests.runtime.world import Sql, World


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
