"""What comes in: claims that were given to this process, queued commands that it pulls, deliveries of a bus. Never more than it can run."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from saga.errors import Unavailable
from saga.ports.clock import Clock
from saga.ports.store import Store
from saga.ports.values.claim import Claim, CommandRef
from saga.runtime.planning.router import Router
from saga.runtime.timing.coarse_timers import CoarseTimers

RETRY_SECONDS: Final = 0.5
HOLD_SECONDS: Final = 0.25  # so long a claim may wait here while other processes might have time for it
LOOK_TICK_SECONDS: Final = 0.01
TOLD_MAX: Final = 65_536  # some seconds of claims, at the highest pace of one process
RENEW_AT: Final = 1 / 3  # of a lease
BEGUN_AT_ONCE: Final = 32  # then it is the committer's turn: the first outcomes are committed while others are made
UNSETTLED_MAX: Final = 1_024  # outcomes that wait for their commit: with more of them nothing is pulled
PULLED_AT_ONCE: Final = 256  # the next ones are pulled while these run
PULL_SECONDS: Final = (
    0.05  # after so long a few places are pulled for, too, or what is handed over would always be there first
)


class Intake:
    """Holds claims until there is room to run them, prolongs their leases, and asks for more when there is room."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        router: Router,
        run: Callable[[Claim], Awaitable[None]],
        unsettled: Callable[[], dict[int, Claim]],
        lease_seconds: float,
    ) -> None:
        self._store = store
        self._clock = clock
        self._router = router
        self._run = run
        self._unsettled = unsettled
        self._lease_seconds = lease_seconds
        self._services: list[str] = []
        self._is_durable = False
        self._capacity = 0
        self._waiting: deque[Claim] = deque()
        self._running: dict[int, tuple[Claim, asyncio.Task[None]]] = {}  # by claim
        self._refs: set[CommandRef] = set()
        self._ended: set[int] | None = None  # claims, while a fetch is under way
        self._wants_all = False
        # Claims that did not come with the answer that has made them. Ordered: in a dict the oldest is behind all that were deleted.
        self._told: OrderedDict[int, None] = OrderedDict()
        self._wants_queue = False
        self._pulled_at = 0.0
        self._looks: CoarseTimers[None] = CoarseTimers(LOOK_TICK_SECONDS, lambda _: self.look())
        self._wanted = asyncio.Event()
        self._asking = asyncio.Lock()  # held while the store is asked for claims
        self._freed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._finished = 0
        self._soon = 0  # claims that are finished within HOLD_SECONDS, at the present pace
        self._paced_at = clock.monotonic()
        self._goes_on = False  # with what waits, in the next turn of the loop
        self._is_closing = False
        self._log = structlog.get_logger("saga.intake")

    def serve(self, services: Sequence[str], capacity: int, *, durable: bool) -> None:
        """Take commands of these services too. `durable`: some of their steps are external, so claims must survive the database."""
        self._services = sorted({*self._services, *services})
        self._capacity += capacity
        self._is_durable = self._is_durable or durable
        self._freed.set()  # a bus may have delivered already, and wait for room
        self.look(everything=True)

    @property
    def in_flight(self) -> int:
        """Claims held: running and waiting."""
        return len(self._running) + len(self._waiting)

    @property
    def capacity(self) -> int:
        return self._capacity

    @property
    def load(self) -> int:
        """Claims held, without those that wait and will be finished within HOLD_SECONDS at the present pace."""
        return max(self.in_flight - self._soon, 0)

    def pace(self) -> None:
        """Look at how quickly claims are finished, if that was not done just now; called with every heartbeat and every pull."""
        now = self._clock.monotonic()
        if now - self._paced_at >= HOLD_SECONDS:
            self._soon = int(self._finished / (now - self._paced_at) * HOLD_SECONDS)
            self._paced_at, self._finished = now, 0

    def has_room(self, _: str) -> bool:
        """Whether another claim may be taken now: more than can run at once only where they will not wait for long."""
        return not self._is_closing and self._room() > 0

    async def room(self) -> int:
        """Return when another claim may be taken: how many may."""
        while not self.has_room(""):
            self._freed.clear()
            await self._freed.wait()
        return self._room()

    def _room(self) -> int:
        return self._capacity + self._soon - len(self._running) - len(self._waiting)

    def look(self, *, everything: bool = False) -> None:
        """Something may be in the queues; with `everything`, also among the claims that we are said to hold."""
        self._wants_queue = True
        self._wants_all = self._wants_all or everything
        self._wanted.set()

    def given(self, refs: Sequence[CommandRef]) -> None:
        """Claims were made for us."""
        self._refs.update(refs)
        self._wanted.set()

    def told(self, claims: Sequence[Claim]) -> None:
        """Claims were made for us, and here they are."""
        self.take(claims)
        self._told.update(dict.fromkeys(claim.number for claim in claims))
        while len(self._told) > TOLD_MAX:
            self._told.popitem(last=False)

    def look_in(self, seconds: float) -> None:
        """Something will be in the queues after so long."""
        if seconds <= 0:
            self.look()
            return
        if seconds < self._lease_seconds:
            self._looks.add(None, seconds)

    def take(self, claims: Sequence[Claim]) -> None:
        """Run these claims, or keep them until there is room. A process that ends gives them back unbegun.

        Each is run once. A notification may come twice, and it or the answer that has made a claim after the claim was fetched and run: a
        second call of it would not be covered by what is known of the first (G24).
        """
        for claim in claims:
            if claim.number not in self._running and claim.number not in self._told:
                self._waiting.append(claim)
        if not self._goes_on:
            self._begin()

    def _begin(self) -> None:
        """Run what waits, as far as there is room; a part of it in each turn of the loop."""
        begun = 0
        while self._waiting and len(self._running) < self._capacity and not self._is_closing:
            if begun == BEGUN_AT_ONCE:
                self._goes_on = True
                self._loop.call_soon(self._go_on)
                return
            begun += 1
            claim = self._waiting.popleft()
            self._running[claim.number] = (claim, self._loop.create_task(self._run_one(claim)))

    def _go_on(self) -> None:
        self._goes_on = False
        self._begin()

    async def _run_one(self, claim: Claim) -> None:
        try:
            await self._run(claim)
        finally:
            del self._running[claim.number]
            self._finished += 1
            if self._ended is not None:
                self._ended.add(claim.number)
            self._freed.set()
            if self._waiting and not self._goes_on:
                self._begin()
            self.settled()

    async def run(self) -> None:
        """Fetch and pull until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                async with self._asking:
                    await self._fetch()
                    await self._pull()
            except Unavailable as error:
                self._log.warning("cannot take commands", error=str(error))
                await self._clock.sleep(RETRY_SECONDS)
                self.look(everything=True)

    async def _fetch(self) -> None:
        """Read claims that we do not have in hand. What ends while the answer is on its way is in the answer all the same."""
        is_all, refs = self._wants_all, list(self._refs)
        if not is_all and not refs:
            return
        self._wants_all = False
        self._refs.clear()
        ended = self._ended = set(self._unsettled())
        try:
            claims = await self._store.fetch([] if is_all else refs, process=self._router.process)
        except Unavailable:
            self._wants_all = True
            raise
        finally:
            self._ended = None
        ended.update(claim.number for claim in self._waiting)
        self.told([claim for claim in claims if claim.number not in ended])

    async def _pull(self) -> None:
        while self._wants_queue and self._services and (limit := self._pullable()) > 0:
            self._wants_queue = False
            self._pulled_at = self._clock.monotonic()
            claims = await self._store.poll(
                self._services,
                limit,
                process=self._router.process,
                first_claim=self._router.claims(limit),
                durable=self._is_durable,
            )
            self.take(claims)
            if len(claims) == limit:
                self._wants_queue = True

    def _pullable(self) -> int:
        """How many are pulled now: few only where something would be idle, or from time to time.

        Handlers that end at once leave room at once: what their outcomes have to wait for is the commit.
        """
        self.pace()
        room = min(self._room(), PULLED_AT_ONCE)
        is_few = 2 * room < min(self._capacity + self._soon, PULLED_AT_ONCE)
        is_idle = self.in_flight < self._capacity
        is_time = self._clock.monotonic() - self._pulled_at >= PULL_SECONDS
        if self._is_closing or (is_few and not is_idle and not is_time) or len(self._unsettled()) >= UNSETTLED_MAX:
            return 0
        return room

    def settled(self) -> None:
        """Claims have ended or outcomes were committed: there may be room for more from the queues."""
        if self._wants_queue:
            self._wanted.set()

    async def keep_leases(self) -> None:
        """Prolong the leases of what is held, until cancelled. Claims that were lost meanwhile are let go.

        A claim is held until its outcome is committed: a rejection counts only from the newest one (G27).
        """
        while True:
            await self._clock.sleep(self._lease_seconds * RENEW_AT)
            soon = self._clock.monotonic() + self._lease_seconds * (1 - RENEW_AT)
            held = [*self._unsettled().values(), *(claim for claim, _ in self._running.values()), *self._waiting]
            ending = [claim for claim in held if claim.lease_ends < soon]
            if ending:
                await self._extend(ending)

    async def _extend(self, ending: Sequence[Claim]) -> None:
        asked_at = self._clock.monotonic()
        try:
            lost = await self._store.extend(ending, process=self._router.process)
        except Unavailable as error:
            self._log.warning("cannot prolong leases", claims=len(ending), error=str(error))
            return
        for claim in ending:
            if claim.number not in lost:
                claim.lease_ends = asked_at + self._lease_seconds
                continue
            running = self._running.get(claim.number)
            if running is not None:
                self._log.info("claim lost, stopping", saga=str(claim.saga), position=claim.step)
                running[1].cancel()

    async def drain(self, seconds: float) -> list[Claim]:
        """Take nothing more, let what runs finish for so long, then stop it. Returns the claims that have not begun."""
        self._is_closing = True
        self._looks.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._asking:
                pass  # what was being asked for is here now
        unbegun = list(self._waiting)
        self._waiting.clear()
        tasks = [task for _, task in self._running.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        return unbegun
