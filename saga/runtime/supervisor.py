"""The supervisor: the elected loop that looks after what did not happen. It decides with the same core as everybody else.

Nothing depends on there being exactly one leader (every write is conditional, G4 and G5); the election saves double work. What it does:
deadlines and rollbacks, sagas whose services have nobody alive, the history's partitions, finished sagas that are old enough to go. After
an outage of the store, or of every leader, it first extends the deadlines by the gap: what we caused must not roll back anybody's saga.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final
from uuid import UUID

import structlog

from saga.core.rules import events as ev
from saga.errors import LeadershipLost, SagaError, Unavailable
from saga.ports.clock import Clock
from saga.ports.election import Election, Leadership
from saga.ports.values.overdue import OverdueSaga
from saga.runtime.process import Process
from saga.runtime.redrive import LATE_SECONDS, OVERDUE_MAX

CAMPAIGN_RETRY_SECONDS: Final = 0.5
TROUBLE_SECONDS: Final = 10.0  # after the last failure a candidate that waits stands by again
SEEN_SECONDS: Final = 1.0  # how often a leader is seen leading: participants enforce deadlines only while one is
RENEWALS: Final = 3  # in the time for which one is trusted
RENEW_SECONDS_MIN: Final = 0.1


@dataclass(frozen=True, slots=True)
class SupervisorOptions:
    """`scan_seconds`: how often it looks for overdue sagas; `outage_grace_seconds`: a longer silence of store and leaders extends
    deadlines; `retention_seconds`: how long finished sagas stay; `history_days`: how long their history."""

    scan_seconds: float = 1.0
    outage_grace_seconds: float = 10.0
    retention_seconds: float = 30 * 86_400.0
    history_days: float = 30.0
    house_seconds: float = 600.0
    purge_max: int = 1_000


class Supervisor:
    """Campaigns, and while it leads, looks after the sagas. Any number of them may run."""

    def __init__(self, process: Process, election: Election, clock: Clock, options: SupervisorOptions) -> None:
        self._name = process.name
        self._membership = process.adapter.membership
        self._store = process.adapter.store
        self._retention = process.adapter.retention
        self._redriver = process.redriver
        self._election = election
        self._clock = clock
        self._options = options
        self._leadership: Leadership | None = None
        self._trouble: tuple[str, float] | None = None
        self._seen_at: float | None = None  # when the store last knew that we lead
        self._silent_seconds = 0.0  # the longest silence that deadlines have not been extended by yet
        self._log = structlog.get_logger("saga.supervisor")

    @property
    def term(self) -> int | None:
        """The term in which this one leads, None where it does not."""
        leadership = self._leadership
        return leadership.term if leadership is not None and self._is_trusted(leadership) else None

    @property
    def trouble(self) -> str | None:
        """Why it could not campaign a moment ago; None where it leads or stands by."""
        if self._trouble is None or self._clock.monotonic() - self._trouble[1] > TROUBLE_SECONDS:
            return None
        return self._trouble[0]

    async def run(self) -> None:
        """Campaign and lead until cancelled; on the way out it resigns and closes the election."""
        try:
            while True:
                try:
                    await self._reign()
                except (LeadershipLost, Unavailable) as error:
                    self._log.warning("not leading", error=str(error))
                    if isinstance(error, Unavailable):
                        self._trouble = str(error), self._clock.monotonic()
                    await self._clock.sleep(CAMPAIGN_RETRY_SECONDS)
        finally:
            await self._election.close()

    async def _reign(self) -> None:
        """One term, from the campaign to the resignation: whoever comes next need not wait for the end of a lease."""
        leadership = self._leadership = await self._election.campaign(self._name)
        self._trouble = None
        self._log.info("leading", term=leadership.term)
        try:
            await self._lead()
        finally:
            self._leadership = None
            await self._resign(leadership)

    async def _resign(self, held: Leadership) -> None:
        with contextlib.suppress(LeadershipLost, Unavailable):
            await self._election.resign(held)
        with contextlib.suppress(LeadershipLost, Unavailable):
            await self._membership.lead(held.term, None, silence_seconds_max=self._options.outage_grace_seconds)

    async def _lead(self) -> None:
        """Until the term ends: then whatever is under way here is stopped."""
        self._seen_at, self._silent_seconds = None, 0.0
        loops: list[Callable[[], Coroutine[None, None, None]]] = [
            self._keep_trust,
            self._watch_trust,
            self._stay_seen,
            self._scan,
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
                self._leadership = None  # from this moment on nobody here acts, whoever of us runs next
                raise
            except Unavailable as error:
                self._log.warning("the term could not be proved", term=leadership.term, error=str(error))

    async def _watch_trust(self) -> None:
        """End the term on time although a renewal still waits for its answer."""
        while True:
            await self._clock.sleep(self._trusted().trusted_until - self._clock.monotonic())

    async def _stay_seen(self) -> None:
        while True:
            try:
                await self._be_seen()
            except Unavailable as error:
                self._log.warning("cannot be seen leading", error=str(error))
            await self._clock.sleep(SEEN_SECONDS)

    async def _be_seen(self) -> None:
        """Say in the store that we lead. A silence before that is remembered, there too, until deadlines are extended by it.

        It is the silence before our term, as the store tells, or the store's own in the middle of it, by our clock too: a call that had to
        wait for the store tells what was true when it was asked.
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
                await self._be_seen()
                if self._silent_seconds > self._options.outage_grace_seconds:
                    await self._end_outage()
                found = await self._redriver.redrive(None)
            except LeadershipLost:
                raise
            except SagaError as error:
                self._log.warning("cannot look after sagas", error=str(error))
            # A full batch is followed by the next one, after a pause as long as it took: half of the time is for the others.
            busy_seconds = self._clock.monotonic() - began_at if found >= OVERDUE_MAX else self._options.scan_seconds
            await self._clock.sleep(min(busy_seconds, self._options.scan_seconds))

    async def _end_outage(self) -> None:
        """Extend deadlines, and only then be seen: until somebody is, nobody enforces one, however long it takes, and if we die, the next
        leader finds the silence as we have found it."""
        silent_seconds, extended = self._silent_seconds, 0
        while found := await self._extend_deadlines():
            extended += found
            # a participant that has looked after one meanwhile has hidden it for so long
            await self._clock.sleep(LATE_SECONDS)
        leadership = self._trusted()
        await self._membership.lead(leadership.term, self._name)
        self._silent_seconds = 0.0
        self._log.warning("outage over, deadlines extended", silence_seconds=round(silent_seconds, 1), sagas=extended)

    async def _extend_deadlines(self) -> int:
        """Look after all that is overdue once. A deadline that has passed is as far away afterwards as the silence was long: what has piled
        up meanwhile has to be worked off too. Returns how many there were."""
        extended = 0
        seen: set[UUID] = set()
        while entries := [entry for entry in await self._store.overdue(OVERDUE_MAX, None) if entry.saga not in seen]:
            seen.update(entry.saga for entry in entries)
            now = self._clock.monotonic()
            late = {entry.saga: _late_seconds(entry.state.deadline, entry.store_clock + now) for entry in entries}
            decided = await self._redriver.decide(entries, partial(self._outage_events, late))
            extended += sum(late[saga] is not None for saga in decided)
        return extended

    def _outage_events(self, late: Mapping[UUID, float | None], entry: OverdueSaga) -> list[ev.Event]:
        seconds = late[entry.saga]
        extension = [] if seconds is None else [ev.Extended(seconds + self._silent_seconds)]
        return [*extension, ev.Redriven(entry.held)]

    async def _keep_house(self) -> None:
        while True:
            try:
                await self._retention.keep_history(self._options.history_days)
                while (
                    await self._retention.purge(self._options.retention_seconds, self._options.purge_max)
                    == self._options.purge_max
                ):
                    pass
            except SagaError as error:
                self._log.warning("cannot keep house", error=str(error))
            await self._clock.sleep(self._options.house_seconds)


def _late_seconds(deadline: float | None, now: float) -> float | None:
    """How long ago it has passed; None where it has not."""
    return None if deadline is None or deadline > now else now - deadline
