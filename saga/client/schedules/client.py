"""Schedules for people: put, pause, resume, remove, look, start now, fill in the moments that were missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final
from uuid import UUID

import msgspec
import pydantic_core
from msgspec.structs import replace

from saga.authoring.schedule import Schedule
from saga.client.schedules.starting import ScheduledStarts, missed_run
from saga.client.store import StoreSagas
from saga.core.definition.json_value import Json
from saga.core.definition.schema import misfits
from saga.core.schedule.due import MOMENTS_MAX, Missed, due
from saga.core.schedule.moment import Moment, moment_at, read_local
from saga.core.schedule.spec import Overlap, ScheduleSpec, start_key
from saga.core.text import storable
from saga.errors import Conflict, InputRefused, NotFound, UsageError
from saga.operations import account_name
from saga.ports.schedules.rows import Cause, RunLine, ScheduleRow, unknown_schedule
from saga.ports.store import Connection
from saga.ports.values.audit import Action, Audit

FILL_MAX: Final = 1_000
"""Maximum number of moments that are filled in at once."""
PAUSED: Final = "the schedule was paused"
CHANGED: Final = "the schedule was changed before its saga could start"


@dataclass(frozen=True, slots=True)
class Filled:
    """The outcome of filling in. `left`: the moments that remain, since the saga of the one before has not ended."""

    started: tuple[UUID, ...]
    left: tuple[Moment, ...]


class ScheduleClient:
    """The schedules of an installation: `sagas.schedules`. Every change is in the audit.

    Every method raises Unavailable, and each with a name NotFound.
    """

    def __init__(self, sagas: StoreSagas) -> None:
        self._sagas = sagas
        self._schedules = sagas.adapter.schedules
        self._starts = ScheduledStarts(sagas)

    async def put(self, schedule: Schedule, *, actor: str | None = None, reason: str | None = None) -> bool:
        """Creates a schedule or changes the one of this name. Returns False if it was like this already.

        It goes on from the last moment that was dealt with. If its times change, what has come by the old ones is dealt with first, and
        the new ones count from now.

        Raises:
            NotFound: the definition is not registered.
            InputRefused: the input does not fit the definition.
        """
        spec = schedule.spec()
        await self._check_input(schedule.name, spec)
        async with self._sagas.adapter.transaction() as tx:
            row, now = await self._schedules.lock(schedule.name, tx), self._now()
            if row is not None and msgspec.json.encode(row.spec) == msgspec.json.encode(spec):
                return False
            if row is None:
                after = ScheduleRow(schedule.name, spec, since=now, next_at=now)
            else:
                kept = row if row.spec.when == spec.when else await self._settled(row, now, tx)
                after = replace(kept, spec=spec, next_at=now)
            await self._schedules.put(after, tx, _audit("put schedule", row, after, actor, reason))
        return True

    async def pause(self, name: str, *, actor: str | None = None, reason: str | None = None) -> None:
        """Pauses a schedule. Its moments are missed until it is resumed. Raises Conflict: it is paused already."""
        async with self._sagas.adapter.transaction() as tx:
            row = await self._locked(name, tx)
            if row.is_paused:
                raise Conflict(f"schedule {name} is paused already")
            after = replace(row, is_paused=True)
            await self._schedules.put(after, tx, _audit("pause schedule", row, after, actor, reason))

    async def resume(self, name: str, *, actor: str | None = None, reason: str | None = None) -> None:
        """Resumes a schedule. The moments that came while it was paused are missed; `fill` starts them.

        Raises Conflict: it is not paused.
        """
        async with self._sagas.adapter.transaction() as tx:
            row, now = await self._locked(name, tx), self._now()
            if not row.is_paused:
                raise Conflict(f"schedule {name} is not paused")
            after = replace(await self._missed(row, now, PAUSED, tx), is_paused=False, next_at=now)
            await self._schedules.put(after, tx, _audit("resume schedule", row, after, actor, reason))

    async def remove(self, name: str, *, actor: str | None = None, reason: str | None = None) -> None:
        """Removes a schedule, with its lines. Sagas that it has started go on."""
        async with self._sagas.adapter.transaction() as tx:
            row = await self._locked(name, tx)
            await self._schedules.remove(name, tx, _audit("remove schedule", row, None, actor, reason))

    async def all(self) -> Sequence[ScheduleRow]:
        """All schedules, by name."""
        return await self._schedules.all()

    async def find(self, name: str) -> ScheduleRow:
        """Reads a schedule."""
        return await self._schedules.find(name)

    async def lines(self, name: str, *, limit: int = 50, before: int | None = None) -> Sequence[RunLine]:
        """Reads the outcomes of the moments of a schedule, newest first. The newest 1,000 lines are kept."""
        await self._schedules.find(name)
        return await self._schedules.lines(name, limit, before)

    async def next(self, name: str, count: int = 10) -> Sequence[Moment]:
        """The next moments of a schedule."""
        row = await self._schedules.find(name)
        return list(islice(row.spec.when.after(moment_at(self._now(), row.spec.when.zone), 0.0), count))

    async def start_now(self, name: str, *, overlap: Overlap | None = None) -> UUID:
        """Starts the saga of a schedule at once, for the moment that is now. Returns the saga. Within one second it is the same one.

        `overlap`: "start" starts it beside a saga that has not ended.

        Raises:
            Conflict: the saga that was started before has not ended.
            UsageError: the start was refused, for the reason in its text.
        """
        async with self._sagas.adapter.transaction() as tx:
            row = await self._locked(name, tx)
            if (overlap or row.spec.overlap) != "start" and await self._starts.is_busy(row):
                raise Conflict(
                    f"saga {row.saga} of schedule {name} has not ended: wait for it, or start beside it with overlap=start"
                )
            moment = moment_at(float(int(self._now())), row.spec.when.zone)
            return await self._start(row, moment, Cause.NOW, tx)

    async def fill(self, name: str, first: str, last: str, *, overlap: Overlap | None = None) -> Filled:
        """Starts the sagas of moments that were missed, from one local time to another, both included. What was started is left alone.

        Unless `overlap` (the schedule's, if it is not given) is "start", it stops where the saga before has not ended.

        Raises:
            UsageError: no moment lies between these times, or more than 1,000 do, or a start was refused; its text has the reason.
        """
        row = await self._schedules.find(name)
        todo = moments_between(row.spec, first, last, self._now())
        started: list[UUID] = []
        for position, moment in enumerate(todo):
            async with self._sagas.adapter.transaction() as tx:
                row = await self._locked(name, tx)
                if await self._is_started(row, moment):
                    continue
                if (overlap or row.spec.overlap) != "start" and await self._starts.is_busy(row):
                    return Filled(tuple(started), tuple(todo[position:]))
                started.append(await self._start(row, moment, Cause.FILL, tx))
        return Filled(tuple(started), ())

    async def _start(self, row: ScheduleRow, moment: Moment, cause: Cause, tx: Connection) -> UUID:
        run = await self._starts.start(row, moment, cause, tx)
        if run.saga is None:
            raise UsageError(f"schedule {row.name}: the saga of {moment.text} cannot be started: {run.why}")
        if run.saga != row.saga:
            await self._schedules.add(row.name, [run], tx)
            await self._schedules.put(replace(row, saga=run.saga), tx)
        return run.saga

    async def _is_started(self, row: ScheduleRow, moment: Moment) -> bool:
        try:
            await self._sagas.find(row.spec.definition, start_key(row.name, moment))
        except NotFound:
            return False
        return True

    async def _settled(self, row: ScheduleRow, now: float, tx: Connection) -> ScheduleRow:
        """Deals with what has come by the times that are about to change. The new ones count from now."""
        if not row.is_paused:
            early = replace(row.spec, jitter=None)
            found = due(row.name, early, row.last, row.since, now, is_busy=await self._starts.is_busy(row))
            row = await self._starts.settle(row, found, tx)
        row = await self._missed(row, now, PAUSED if row.is_paused else CHANGED, tx)
        return replace(row, last=None, since=now)

    async def _missed(self, row: ScheduleRow, now: float, why: str, tx: Connection) -> ScheduleRow:
        """Records the moments that have come as missed."""
        while True:
            moments = islice(row.spec.when.after(row.last, row.since), MOMENTS_MAX)
            come = [moment for moment in moments if moment.instant <= now]
            if not come:
                return row
            await self._schedules.add(row.name, [missed_run(Missed(come[0], come[-1], len(come), why))], tx)
            row = replace(row, last=come[-1])

    async def _check_input(self, name: str, spec: ScheduleSpec) -> None:
        _, graph = await self._sagas.process.directory.find(spec.definition, spec.version)
        value = await self._starts.input_of(spec, moment_at(self._now(), spec.when.zone))
        if problems := misfits(graph.input_schema, value):
            raise InputRefused(
                f"schedule {name}: the input does not fit {graph.name} v{graph.version}: {'; '.join(problems)}"
            )

    async def _locked(self, name: str, tx: Connection) -> ScheduleRow:
        row = await self._schedules.lock(name, tx)
        if row is None:
            raise unknown_schedule(name)
        return row

    def _now(self) -> float:
        return self._sagas.process.store_clock.now()


def moments_between(spec: ScheduleSpec, first: str, last: str, now: float) -> list[Moment]:
    """The moments from one local time to another that have come, both included. Raises UsageError: there are none, or too many."""
    begin, end = (Moment(read_local(field, text), spec.when.zone) for field, text in (("from", first), ("to", last)))
    found: list[Moment] = []
    for moment in spec.when.after(moment_at(begin.instant - 1, spec.when.zone), 0.0):
        if moment.instant > min(end.instant, now):
            break
        if len(found) == FILL_MAX:
            raise UsageError(
                f"there are more than {FILL_MAX:,} moments from {first} to {last}: fill in a part at a time"
            )
        found.append(moment)
    if not found:
        raise UsageError(f"no moment of this schedule has come from {first} to {last} ({spec.when.zone})")
    return found


def _audit(
    action: str, before: ScheduleRow | None, after: ScheduleRow | None, actor: str | None, reason: str | None
) -> Audit:
    detail: dict[str, Json] = {
        side: _shown(row) for side, row in (("before", before), ("after", after)) if row is not None
    }
    asked = Action(storable(actor or account_name()), action, None, None if reason is None else storable(reason))
    return Audit(asked, detail)


def _shown(row: ScheduleRow) -> Json:
    """A schedule as the audit shows it: without its input, which may be confidential."""
    spec = pydantic_core.from_json(msgspec.json.encode(replace(row.spec, input=msgspec.Raw(b"null"))))
    return {"schedule": row.name, "is_paused": row.is_paused, **spec}
