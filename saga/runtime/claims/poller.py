"""Polls the queues of the store for due commands, and fetches claims that other processes have made for this one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from typing import Final

from saga.core.allowance import Allowance
from saga.errors import SagaError
from saga.logger import get_logger
from saga.ports.clock import Clock
from saga.ports.store import Store
from saga.ports.values.claim import Claim, CommandRef
from saga.runtime.claims.intake import Intake
from saga.runtime.claims.poll_requests import PollRequests
from saga.runtime.commit.outcome_queue import OutcomeQueue
from saga.runtime.identity import ProcessIdentity

RETRY_SECONDS: Final = 0.5
# Nothing is polled while this many outcomes wait for their commit
UNSETTLED_MAX: Final = 1_024
# Requests that find nothing: this many at once, and then this many a second
NOTHING_BURST: Final = 20
NOTHING_PER_SECOND: Final = 20.0
# Maximum number of claims of one poll. The next ones are polled while these run
POLLED_AT_ONCE: Final = 256
# Poll for a few free slots at least this often; otherwise handovers would starve the queue
POLL_SECONDS: Final = 0.05


class Poller:
    """Asks the store for claims, one request at a time, and adds them to the intake."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        identity: ProcessIdentity,
        requests: PollRequests,
        intake: Intake,
        outcomes: OutcomeQueue,
    ) -> None:
        self._store = store
        self._clock = clock
        self._identity = identity
        self._requests = requests
        self._intake = intake
        self._outcomes = outcomes
        self._services: list[str] = []
        self._is_durable = False
        self._polled_at = 0.0
        self._nothing = Allowance(NOTHING_BURST, NOTHING_PER_SECOND)
        self._asking = asyncio.Lock()  # held while the store is asked for claims
        self._log = get_logger("saga.intake")

    def serve(self, services: Sequence[str], *, durable: bool) -> None:
        """Polls the queues of these services too. `durable`: some of their steps are external, so claims must survive a database crash."""
        self._services = sorted({*self._services, *services})
        self._is_durable = self._is_durable or durable
        self._requests.poll(everything=True)

    def withdraw(self, services: Iterable[str]) -> None:
        """Polls the queues of these services no more."""
        self._services = sorted(set(self._services).difference(services))

    async def run(self) -> None:
        """Fetches and polls until cancelled."""
        while True:
            await self._requests.wait()
            try:
                async with self._asking:
                    await self._fetch()
                    await self._poll()
            except SagaError as error:
                self._log.warning("cannot get commands", error=str(error))
                await self._clock.sleep(RETRY_SECONDS)
                self._requests.poll(everything=True)

    async def drain(self, seconds: float) -> tuple[list[Claim], list[Claim]]:
        """Accepts no more claims, and lets running ones finish within that time. Returns what `Intake.drain` returns."""
        self._intake.close()
        self._requests.close()
        ends_at = self._clock.monotonic() + seconds
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._asking:
                pass  # the last request has been answered
        return await self._intake.drain(max(ends_at - self._clock.monotonic(), 0.0))

    async def _fetch(self) -> None:
        refs = self._requests.take_refs()
        if refs is not None:
            await self._fetch_refs(refs)

    async def _fetch_refs(self, refs: Sequence[CommandRef]) -> None:
        """Adds the claims that are not here yet. The reply may contain claims that have ended since the store read them."""
        ended = set(self._outcomes.unsettled())
        self._intake.record_ended(ended)
        try:
            claims = await self._store.fetch(refs, process=self._identity.number)
        except SagaError:
            self._requests.fetch_all()
            raise
        finally:
            self._intake.record_ended(None)
        ended.update(self._intake.waiting_numbers())
        self._intake.add_notified([claim for claim in claims if claim.number not in ended])
        if not claims:
            await self._found_nothing()

    async def _poll(self) -> None:
        while self._requests.wants_poll and self._services and (limit := self._limit()) > 0:
            self._requests.wants_poll = False
            self._polled_at = self._clock.monotonic()
            claims = await self._store.poll(
                self._services,
                limit,
                process=self._identity.number,
                first_claim=self._identity.reserve_claims(limit),
                durable=self._is_durable,
            )
            self._intake.add(claims)
            # The first service is served first, and must not starve the others
            self._services = self._services[1:] + self._services[:1]
            if len(claims) == limit:
                self._requests.wants_poll = True
            elif not claims:
                await self._found_nothing()

    async def _found_nothing(self) -> None:
        """Slows down where requests find nothing: every role that may connect to the store may notify."""
        wait_seconds = self._nothing.take(self._clock.monotonic())
        if wait_seconds > 0:
            await self._clock.sleep(wait_seconds)

    def _limit(self) -> int:
        """The number of commands to poll for now; 0 to wait.

        1. Nothing while the process stops, or while too many outcomes wait for their commit.
        2. All free slots, at most POLLED_AT_ONCE, if these are at least half of all slots, or if a handler slot is idle.
        3. Fewer slots only every POLL_SECONDS: quick handlers free one slot after another, and each poll is a round trip.
        """
        self._intake.measure_rate()
        room = min(self._intake.room(), POLLED_AT_ONCE)
        is_few = 2 * room < min(self._intake.extended_capacity, POLLED_AT_ONCE)
        is_idle = self._intake.in_flight < self._intake.capacity
        is_time = self._clock.monotonic() - self._polled_at >= POLL_SECONDS
        if self._intake.is_closing or (is_few and not is_idle and not is_time):
            return 0
        return 0 if len(self._outcomes.unsettled()) >= UNSETTLED_MAX else room
