"""The supervisor: the elected loop that looks after what did not happen. It decides with the same core as everybody else.

Nothing depends on there being exactly one leader (every write is conditional, G4 and G5); the election saves double work. What it does:
deadlines and roll-backs, sagas whose services have nobody alive, the history's partitions, finished sagas that are old enough to go. After
an outage of the store, or of every leader, it first extends the deadlines by the gap: what we caused must not roll back anybody's saga.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Final
from uuid import UUID

import structlog

from saga.core import events as ev
from saga.errors import LeadershipLost, SagaError, Unavailable
from saga.ports.clock import Clock
from saga.ports.election import Election, Leadership
from saga.runtime.planning import Group
from saga.runtime.process import OVERDUE_MAX, Process

CAMPAIGN_RETRY_SECONDS: Final = 0.5
BACKLOG_FACTOR: Final = 2  # full batches follow each other at this part of the scan interval


@dataclass(frozen=True, slots=True)
class SupervisorOptions:
    """`scan_seconds`: how often it looks for overdue sagas; `outage_grace_seconds`: a longer silence of store and leaders extends
    deadlines; `retention_seconds`: how long finished sagas stay; `history_days`: how long their history."""

    scan_seconds: float = 1.0
    renew_seconds: float = 0.7
    outage_grace_seconds: float = 10.0
    retention_seconds: float = 30 * 86_400.0
    history_days: float = 30.0
    house_seconds: float = 600.0
    purge_max: int = 1_000


class Supervisor:
    """Campaigns, and while it leads, looks after the sagas. Any number of them may run."""

    def __init__(self, process: Process, election: Election, clock: Clock, options: SupervisorOptions) -> None:
        self._process = process
        self._election = election
        self._clock = clock
        self._options = options
        self._leadership: Leadership | None = None
        self._log = structlog.get_logger("saga.supervisor")

    @property
    def term(self) -> int | None:
        """The term in which this one leads, None where it does not."""
        leadership = self._leadership
        return leadership.term if leadership is not None and self._is_trusted(leadership) else None

    async def run(self) -> None:
        """Campaign and lead until cancelled; resigns on the way out."""
        while True:
            try:
                leadership = self._leadership = await self._election.campaign(self._process.name)
                self._log.info("leading", term=leadership.term, silent_seconds=round(leadership.silent_seconds, 1))
                await self._lead(leadership.silent_seconds)
            except (LeadershipLost, Unavailable) as error:
                self._log.warning("not leading", error=str(error))
                await self._clock.sleep(CAMPAIGN_RETRY_SECONDS)
            finally:
                held, self._leadership = self._leadership, None
                if held is not None:
                    with contextlib.suppress(LeadershipLost, Unavailable):
                        await self._election.resign(held)

    async def _lead(self, gap_seconds: float) -> None:
        """Until the term ends: then whatever is under way here is stopped."""
        loops: list[Callable[[], Coroutine[None, None, None]]] = [
            self._keep_trust,
            partial(self._scan, gap_seconds),
            self._keep_house,
        ]
        tasks = [asyncio.create_task(loop()) for loop in loops]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _is_trusted(self, leadership: Leadership) -> bool:
        return self._clock.monotonic() < leadership.trusted_until

    async def _keep_trust(self) -> None:
        while True:
            await self._clock.sleep(self._options.renew_seconds)
            leadership = self._leadership
            assert leadership is not None  # noqa: S101 (this loop runs while we lead)
            try:
                self._leadership = await self._election.renew(leadership)
            except Unavailable as error:
                if not self._is_trusted(leadership):
                    raise LeadershipLost(f"term {leadership.term} cannot be proved any more: {error}") from error

    async def _scan(self, gap_seconds: float) -> None:
        is_outage = gap_seconds > self._options.outage_grace_seconds
        while True:
            found = 0
            if self.term is not None:
                try:
                    if is_outage:
                        await self._extend_deadlines(gap_seconds)
                        is_outage = False
                    found = await self._process.look_after(None)
                except SagaError as error:
                    self._log.warning("cannot look after sagas", error=str(error))
            is_backlog = found >= OVERDUE_MAX
            await self._clock.sleep(self._options.scan_seconds / (BACKLOG_FACTOR if is_backlog else 1))

    async def _extend_deadlines(self, gap_seconds: float) -> None:
        """Deadlines that passed during the silence move by its length."""
        extended = 0
        seen: set[UUID] = set()
        while entries := [
            entry for entry in await self._process.adapter.store.overdue(OVERDUE_MAX, None) if entry.saga not in seen
        ]:
            seen.update(entry.saga for entry in entries)
            groups: list[Group] = []
            for entry in entries:
                is_late = _is_late(entry.state.deadline, entry.store_clock + self._clock.monotonic())
                extended += is_late
                events: list[ev.Event] = [ev.Extended(gap_seconds)] if is_late else []
                groups.append(await self._process.group_for(entry, [*events, ev.Tick(entry.held)]))
            await asyncio.gather(*map(self._process.committer.settle, groups))
        self._log.warning("outage over, deadlines extended", silence_seconds=round(gap_seconds, 1), sagas=extended)

    async def _keep_house(self) -> None:
        while True:
            retention = self._process.adapter.retention
            try:
                await retention.keep_history(self._options.history_days)
                while (
                    await retention.purge(self._options.retention_seconds, self._options.purge_max)
                    == self._options.purge_max
                ):
                    pass
            except SagaError as error:
                self._log.warning("cannot keep house", error=str(error))
            await self._clock.sleep(self._options.house_seconds)


def _is_late(deadline: float | None, now: float) -> bool:
    return deadline is not None and deadline <= now
