"""A service whose sagas schedules start, and ways to move a schedule into the past."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from pydantic import BaseModel

import saga
from saga import Definition, Participant, Schedule
from saga.client.schedules.starting import ScheduledStarts
from saga.core.schedule.moment import moment_at
from tests.runtime.world import Gate, World


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
