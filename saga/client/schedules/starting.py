"""Starts the sagas of moments: in the transaction in which the schedule is locked, so that each moment counts once."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import pydantic_core
from msgspec.structs import replace

from saga.client.store import StoreSagas
from saga.codec.codec import Value
from saga.core.schedule.due import Due, Missed, due
from saga.core.schedule.moment import Moment
from saga.core.schedule.spec import ScheduleSpec, start_key
from saga.core.state.phase import Phase
from saga.core.text import storable
from saga.errors import ActionRefused, Conflict, InputRefused, NotFound, SagaError, UsageError
from saga.inspection.actions.request import ActionRequest
from saga.logger import get_logger
from saga.operations import By
from saga.ports.schedules.rows import Cause, Run, ScheduleRow
from saga.ports.store import Connection

LOOK_SECONDS_MAX: Final = 86_400.0
"""A schedule is looked at once a day at least: the rules of its time zone may have changed."""


class ScheduledStarts:
    """Starts what is due. Any number of processes may do it at once: each takes the lock of a schedule before it looks."""

    def __init__(self, sagas: StoreSagas) -> None:
        self._sagas = sagas
        self._schedules = sagas.adapter.schedules
        self._log = get_logger("saga.schedules")

    async def start_due(self) -> None:
        """Deals with every moment that has come. An error of one schedule does not keep the others waiting."""
        for name in await self._schedules.due():
            try:
                await self.keep(name)
            except SagaError as error:
                self._log.error("a schedule cannot be kept", schedule=name, error=str(error))
            except Exception:  # noqa: BLE001 (such as a row that a later build has written)
                self._log.exception("a schedule cannot be kept", schedule=name)

    async def keep(self, name: str) -> None:
        """Deals with the moments of one schedule that have come. Does nothing if it is paused or gone."""
        async with self._sagas.adapter.transaction() as tx:
            row = await self._schedules.lock(name, tx)
            if row is None or row.is_paused:
                return
            now = self._sagas.process.store_clock.now()
            found = due(name, row.spec, row.last, row.since, now, is_busy=await self.is_busy(row))
            row = await self.settle(row, found, tx)
            next_at = None if found.next_at is None else min(found.next_at, now + LOOK_SECONDS_MAX)
            await self._schedules.put(replace(row, next_at=next_at), tx)
        if found.replaces and row.saga is not None:
            await self._roll_back(row, row.saga)

    async def settle(self, row: ScheduleRow, found: Due, tx: Connection) -> ScheduleRow:
        """Starts and records what was decided. Returns the schedule as it is then, which the caller writes."""
        runs = [missed_run(missed) for missed in found.missed]
        for moment in found.starts:
            run = await self.start(row, moment, Cause.MOMENT, tx)
            row = replace(row, saga=run.saga or row.saga)
            runs.append(run)
        if runs:
            runs.sort(key=lambda run: run.moment.instant)
            await self._schedules.add(row.name, runs, tx)
        return replace(row, last=found.last)

    async def start(self, row: ScheduleRow, moment: Moment, cause: Cause, tx: Connection) -> Run:
        """Starts the saga of a moment, or finds it started. Where that is refused, the moment is missed, with the reason."""
        spec = row.spec
        tags = {**spec.tags, "schedule": row.name, "moment": moment.text}
        try:
            async with tx.transaction():
                handle = await self._sagas.start(
                    spec.definition,
                    await self.input_of(spec, moment),
                    key=start_key(row.name, moment),
                    version=spec.version,
                    tags=tags if cause is Cause.MOMENT else {**tags, "started_by": cause.value},
                    tx=tx,
                )
        except (InputRefused, NotFound, Conflict, UsageError) as error:
            self._log.error("a moment is missed", schedule=row.name, moment=moment.text, error=str(error))
            return Run(moment, cause, why=storable(str(error)))
        return Run(moment, cause, handle.id)

    async def input_of(self, spec: ScheduleSpec, moment: Moment) -> Value:
        """The input of a moment's saga: with the field `moment`, if the definition knows one and the schedule gives none."""
        value = pydantic_core.from_json(bytes(spec.input))
        _, graph = await self._sagas.process.directory.find(spec.definition, spec.version)
        fields = (graph.input_schema or {}).get("properties")
        if isinstance(fields, dict) and "moment" in fields and (value is None or isinstance(value, dict)):
            return {"moment": moment.aware.isoformat(), **(value or {})}
        return value

    async def is_busy(self, row: ScheduleRow) -> bool:
        """Returns whether the saga that was started last has not ended. A saga that was purged had ended."""
        if row.saga is None:
            return False
        try:
            return not (await self._sagas.snapshot(row.saga)).state.phase.is_terminal
        except NotFound:
            return False

    async def _roll_back(self, row: ScheduleRow, saga: UUID) -> None:
        """Asks once that the saga of an earlier moment is rolled back; if that is refused, it goes on to its end."""
        if (await self._sagas.snapshot(saga)).state.phase is not Phase.RUNNING:
            return
        by = By(f"schedule {row.name}", "replaced by the saga of a later moment", request=f"{row.name} replaces {saga}")
        try:
            await self._sagas.operations.act(saga, ActionRequest("roll back"), by)
        except ActionRefused as refusal:
            self._log.info("not replaced", schedule=row.name, saga=str(saga), reason=str(refusal))


def missed_run(missed: Missed) -> Run:
    """The line about moments for which nothing is started."""
    last = None if missed.times == 1 else missed.last
    return Run(missed.first, Cause.MOMENT, last=last, count=missed.times, why=missed.why)
