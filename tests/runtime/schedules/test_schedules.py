"""Schedules: each moment starts its saga once, or is recorded as missed with the reason."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from saga import Conflict, Definition, Schedule, UsageError
from saga.client.schedules.starting import ScheduledStarts
from saga.core.schedule.due import BUSY, NEWER
from saga.core.schedule.moment import moment_at
from saga.ports.schedules.rows import Cause
from saga.ports.values.audit import AuditFilter
from tests.runtime.schedules.reports import Reports, go_back, hourly, joined, keep
from tests.runtime.world import World, until

DAY = 86_400.0


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
