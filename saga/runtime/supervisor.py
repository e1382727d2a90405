"""The supervisor: the elected loop that enforces deadlines and redrives sagas. It decides with the same core as every other process.

Nothing depends on there being exactly one leader (every write is conditional, G4 and G5); the election only saves double work. The leader
enforces deadlines, redrives sagas whose services are not running, creates and drops partitions of the history, and purges old finished
sagas. After an outage of the store, or of every leader, it first extends deadlines and timeouts by its length: an outage must not roll back
a saga.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final
from uuid import UUID

from saga.core.rules import events as ev
from saga.core.text import named
from saga.errors import Closed, LeadershipLost, SagaError
from saga.logger import get_logger
from saga.ports.clock import Clock
from saga.ports.election import Election, Leadership
from saga.ports.values.overdue import BEGINNING, OverdueSaga
from saga.runtime.process import Process
from saga.runtime.redrive import LATE_SECONDS, OVERDUE_MAX

CAMPAIGN_RETRY_SECONDS: Final = 0.5
TROUBLE_SECONDS: Final = 10.0  # how long after a failure a waiting candidate reports it
SEEN_SECONDS: Final = 1.0  # how often a leader reports itself: participants enforce deadlines only while one does
RENEWALS: Final = 3  # within the time for which a leadership is trusted
RENEW_SECONDS_MIN: Final = 0.1
PURGE_REST: Final = 19
"""After each batch, a purge rests for this many times as long as the batch took: it gets a twentieth of the time."""
PURGE_REST_BEHIND: Final = 1
"""The same once a round takes longer than the pause between two rounds: sagas may end faster than they are purged."""


@dataclass(frozen=True, slots=True)
class SupervisorOptions:
    """The pace of a supervisor.

    `scan_seconds`: how often it looks for overdue sagas; `outage_grace_seconds`: a longer silence of store and leaders extends deadlines
    and timeouts; `retention_seconds`: how long finished sagas are kept; `history_days`: how long their history is;
    `maintenance_seconds`: how long house-keeping pauses between two rounds; `purge_max`: sagas purged without a rest.
    """

    scan_seconds: float = 1.0
    outage_grace_seconds: float = 10.0
    retention_seconds: float = 30 * 86_400.0
    history_days: float = 30.0
    maintenance_seconds: float = 600.0
    purge_max: int = 500


class Supervisor:
    """Campaigns, and redrives sagas while it leads. Any number of supervisors may run."""

    def __init__(
        self,
        process: Process,
        election: Election,
        clock: Clock,
        options: SupervisorOptions,
        start_due: Callable[[], Coroutine[None, None, None]] | None = None,
    ) -> None:
        """`start_due`: starts the sagas of the schedules that are due."""
        self._name = process.name
        self._membership = process.adapter.membership
        self._store = process.adapter.store
        self._inbox = process.adapter.inbox
        self._retention = process.adapter.retention
        self._redriver = process.redriver
        self._election = election
        self._clock = clock
        self._options = options
        self._start_due = start_due
        self._leadership: Leadership | None = None
        self._trouble: tuple[str, float] | None = None
        self._seen_at: float | None = None  # when this leader was last reported to the store
        self._silent_seconds = 0.0  # the longest silence by which deadlines are not extended yet
        self._log = get_logger("saga.supervisor")

    @property
    def term(self) -> int | None:
        """The term in which this supervisor leads, or None."""
        leadership = self._leadership
        return leadership.term if leadership is not None and self._is_trusted(leadership) else None

    @property
    def trouble(self) -> str | None:
        """The error that its last campaign met a moment ago; None while it leads or stands by."""
        if self._trouble is None or self._clock.monotonic() - self._trouble[1] > TROUBLE_SECONDS:
            return None
        return self._trouble[0]

    async def run(self) -> None:
        """Campaigns and leads until cancelled. Then it resigns and closes the election.

        It outlives every refusal of a server: an administrator may be changing a password or a right just now. An error that nobody foresaw
        ends its term, and no more.
        """
        try:
            while True:
                try:
                    await self._run_term()
                except Closed:
                    raise
                except SagaError as error:
                    self._log.warning("not leading", error=str(error))
                    if not isinstance(error, LeadershipLost):
                        self._trouble = str(error), self._clock.monotonic()
                except Exception as error:  # noqa: BLE001 (the next term may do better)
                    self._log.exception("the term failed, campaigning again")
                    self._trouble = named(error), self._clock.monotonic()
                await self._clock.sleep(CAMPAIGN_RETRY_SECONDS)
        finally:
            await self._election.close()

    async def _run_term(self) -> None:
        """One term, from the campaign to the resignation. A resignation spares the successor the rest of the lease."""
        leadership = self._leadership = await self._election.campaign(self._name)
        self._trouble = None
        self._log.info("leading", term=leadership.term)
        try:
            await self._lead()
        finally:
            self._leadership = None
            await self._resign(leadership)

    async def _resign(self, held: Leadership) -> None:
        with contextlib.suppress(SagaError):
            await self._election.resign(held)
        with contextlib.suppress(SagaError):
            await self._membership.lead(held.term, None, silence_seconds_max=self._options.outage_grace_seconds)

    async def _lead(self) -> None:
        """Works until the term ends. Then everything that is still running here is cancelled."""
        self._seen_at, self._silent_seconds = None, 0.0
        loops: list[Callable[[], Coroutine[None, None, None]]] = [
            self._keep_trust,
            self._watch_trust,
            self._keep_reporting,
            self._scan,
            partial(self._maintain, self._purge),
            partial(self._maintain, self._keep_history),
        ]
        if self._start_due is not None:
            loops.append(partial(self._keep_schedules, self._start_due))
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

    def _trusted(self) -> Leadership:
        leadership = self._leadership
        if leadership is None or not self._is_trusted(leadership):
            raise LeadershipLost("the term could not be proved in time")
        return leadership

    async def _keep_trust(self) -> None:
        while True:
            leadership = self._trusted()
            left_seconds = leadership.trusted_until - self._clock.monotonic()
            await self._clock.sleep(max(left_seconds / RENEWALS, RENEW_SECONDS_MIN))
            try:
                self._leadership = await self._election.renew(leadership)
            except LeadershipLost:
                self._leadership = None  # from this moment on no other loop here acts
                raise
            except SagaError as error:
                self._log.warning("the term could not be proved", term=leadership.term, error=str(error))

    async def _watch_trust(self) -> None:
        """Ends the term on time, even while a renewal waits for its answer."""
        while True:
            await self._clock.sleep(self._trusted().trusted_until - self._clock.monotonic())

    async def _keep_reporting(self) -> None:
        while True:
            try:
                await self._report_leading()
            except LeadershipLost:
                raise
            except SagaError as error:
                self._log.warning("cannot report that it leads", error=str(error))
            await self._clock.sleep(SEEN_SECONDS)

    async def _report_leading(self) -> None:
        """Reports to the store that this supervisor leads. A silence before that is remembered until deadlines are extended by it.

        It is the silence before this term, as the store knows it, or a silence of the store during the term. The latter is measured by this
        process's clock too: a call that had to wait for the store returns what was true when the call was made.
        """
        grace_seconds = self._options.outage_grace_seconds
        silent_seconds = await self._membership.lead(
            self._trusted().term, self._name, silence_seconds_max=grace_seconds
        )
        now = self._clock.monotonic()
        own_seconds = 0.0 if self._seen_at is None else now - self._seen_at
        self._seen_at = now
        self._silent_seconds = max(self._silent_seconds, silent_seconds, own_seconds)

    async def _scan(self) -> None:
        while True:
            found, began_at = 0, self._clock.monotonic()
            try:
                await self._report_leading()
                if self._silent_seconds > self._options.outage_grace_seconds:
                    await self._end_outage()
                found = await self._redriver.redrive(None)
            except LeadershipLost:
                raise
            except SagaError as error:
                self._log.warning("cannot redrive sagas", error=str(error))
            # After a full batch it pauses for as long as the batch took: half of the time is left to other work
            busy_seconds = self._clock.monotonic() - began_at if found >= OVERDUE_MAX else self._options.scan_seconds
            await self._clock.sleep(min(busy_seconds, self._options.scan_seconds))

    async def _keep_schedules(self, start_due: Callable[[], Coroutine[None, None, None]]) -> None:
        while True:
            self._trusted()
            try:
                await start_due()
            except SagaError as error:
                self._log.warning("cannot keep schedules", error=str(error))
            await self._clock.sleep(self._options.scan_seconds)

    async def _end_outage(self) -> None:
        """Extends deadlines and timeouts, and only then reports that it leads.

        Until then no process enforces one, however long this takes. If this leader dies, the next one finds the same silence.
        """
        silent_seconds, extended = self._silent_seconds, 0
        timeouts = await self._inbox.extend_timeouts(self._silent_seconds)
        while found := await self._extend_deadlines():
            extended += found
            # a participant that has redriven one meanwhile has hidden it for this long
            await self._clock.sleep(LATE_SECONDS)
        await self._clock.sleep(LATE_SECONDS)  # a row that was locked a moment ago was passed over
        timeouts += await self._inbox.extend_timeouts(self._silent_seconds)
        leadership = self._trusted()
        await self._membership.lead(leadership.term, self._name)
        self._silent_seconds = 0.0
        silence = round(silent_seconds, 1)
        self._log.warning("outage over, deadlines extended", silence_seconds=silence, sagas=extended, timeouts=timeouts)

    async def _extend_deadlines(self) -> int:
        """Redrives every overdue saga once. Returns how many deadlines were extended.

        A deadline that has passed is afterwards as far away as the silence was long: the backlog has to be worked off too.
        """
        extended, after = 0, BEGINNING
        while entries := await self._store.overdue(OVERDUE_MAX, None, after):
            after = entries[-1].place
            now = self._clock.monotonic()
            late = {entry.saga: _late_seconds(entry.state.deadline, entry.store_clock + now) for entry in entries}
            decided = await self._redriver.decide(entries, partial(self._outage_events, late))
            extended += sum(late[saga] is not None for saga in decided)
        return extended

    def _outage_events(self, late: Mapping[UUID, float | None], entry: OverdueSaga) -> list[ev.Event]:
        seconds = late[entry.saga]
        extension = [] if seconds is None else [ev.Extended(seconds + self._silent_seconds)]
        return [*extension, ev.Redriven(entry.held)]

    async def _maintain(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        while True:
            try:
                await work()
            except SagaError as error:
                self._log.warning("cannot enforce retention", error=str(error))
            await self._clock.sleep(self._options.maintenance_seconds)

    async def _purge(self) -> None:
        """One round through all sagas that are old enough. It rests between batches, and so leaves most of the time to other work."""
        options, began_at = self._options, self._clock.monotonic()
        while True:
            batch_at = self._clock.monotonic()
            if await self._retention.purge(options.retention_seconds, options.purge_max) < options.purge_max:
                return
            now = self._clock.monotonic()
            rest = PURGE_REST if now - began_at <= options.maintenance_seconds else PURGE_REST_BEHIND
            await self._clock.sleep(rest * (now - batch_at))

    async def _keep_history(self) -> None:
        await self._retention.keep_history(self._options.history_days)


def _late_seconds(deadline: float | None, now: float) -> float | None:
    """Seconds since the deadline has passed, or None."""
    return None if deadline is None or deadline > now else now - deadline
