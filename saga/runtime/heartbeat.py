"""The heartbeat of a process: it joins the list of members, stays in it, and learns from each heartbeat."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Final

from saga.errors import SagaError
from saga.logger import Logger, get_logger
from saga.ports.membership import Membership, ProcessListener
from saga.runtime.claims.cost_meter import CostMeter
from saga.runtime.claims.intake import Intake
from saga.runtime.claims.poll_requests import PollRequests
from saga.runtime.commit.end_waiters import EndWaiters
from saga.runtime.follow_up import FollowUp
from saga.runtime.leader_watch import LeaderWatch
from saga.runtime.planning.router import Router
from saga.runtime.telemetry import Meter
from saga.runtime.timing.store_clock import StoreClock

IDLE_SECONDS: Final = 1.0
BUSY_SECONDS: Final = 0.15
BUSY_FOR_SECONDS: Final = 10.0  # after the last commit
REJOIN_SECONDS: Final = 0.5


@dataclass(slots=True)
class HeartbeatLoop:
    """Tells the store that this process is alive, and passes on the reply: peers, clock, leader, due commands.

    Its listener receives the notifications of other processes: claims go to the intake, ended sagas to the callers that wait.
    """

    name: str
    membership: Membership
    clock: StoreClock
    router: Router
    leader_watch: LeaderWatch
    intake: Intake
    requests: PollRequests
    end_waiters: EndWaiters
    follow_up: FollowUp
    meter: Meter
    is_session_lost: bool = False
    trouble: str | None = None  # why the last heartbeat could not be written
    _is_wanted_now: asyncio.Event = field(default_factory=asyncio.Event)
    _costs: CostMeter = field(init=False)
    _log: Logger = field(default_factory=lambda: get_logger("saga.process"))

    def __post_init__(self) -> None:
        self._costs = CostMeter(self.clock, self.intake)

    async def join(self) -> None:
        """Enters the list of members, under a new number. Raises Unavailable."""
        listener = ProcessListener(
            on_claim_refs=self.requests.fetch,
            on_claims=self.intake.add_notified,
            on_queue=lambda _: self.requests.poll(),
            on_ended=self.end_waiters.all_ended,
            on_peers_changed=self._is_wanted_now.set,
            on_session_lost=self._on_session_lost,
        )
        self.is_session_lost = False
        services, capacity = sorted(self.router.own_services), max(self.intake.capacity, 1)
        self.router.identity.enter(await self.membership.join(self.name, services, capacity, listener))
        await self._send(full=True)

    async def run(self) -> None:
        """Sends heartbeats until cancelled. Joins again if the session is lost."""
        full_at = self.clock.monotonic()
        while True:
            await self._pause()
            self._is_wanted_now.clear()
            try:
                if self.is_session_lost:
                    await self.join()
                    self.requests.poll(everything=True)
                    self._log.info("joined again", process=self.router.identity.number)
                is_full = self.clock.monotonic() >= full_at
                await self._send(full=is_full)
                if is_full:
                    full_at = self.clock.monotonic() + IDLE_SECONDS
            except SagaError as error:  # even a wrong password: an operator may be changing it just now
                if not self.is_session_lost:
                    self._log.warning("store unavailable", error=str(error))
                self.is_session_lost, self.trouble = True, str(error)
                await self.clock.sleep(REJOIN_SECONDS)

    def _on_session_lost(self) -> None:
        self.is_session_lost = True
        self._is_wanted_now.set()

    async def _pause(self) -> None:
        was_active = self.clock.monotonic() - self.follow_up.active_at < BUSY_FOR_SECONDS
        is_busy = self.intake.in_flight > 0 or was_active or self.router.is_peer_busy()
        seconds = BUSY_SECONDS if is_busy else IDLE_SECONDS
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._is_wanted_now.wait()

    async def _send(self, *, full: bool) -> None:
        self.intake.measure_rate()
        sent_at = self.clock.monotonic()
        heartbeat = await self.membership.heartbeat(self.intake.load, full=full, cost=self._costs.measure())
        self.trouble = None
        self.router.update(heartbeat.peers)
        self.clock.offset = heartbeat.store_clock
        self.leader_watch.update(heartbeat, sent_at)
        if heartbeat.has_due:
            self.requests.poll()
        if heartbeat.released:
            self.meter.released(heartbeat.released)
            self._log.warning("claims of dead processes released", claims=heartbeat.released)
