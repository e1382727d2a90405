"""Runs claims as soon as there is room for them, no matter whether they were polled, fetched, delivered or handed over."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from saga.ports.clock import Clock
from saga.ports.values.claim import Claim
from saga.runtime.claims.poll_requests import PollRequests
from saga.runtime.handlers.time_limit import UNWIND_SECONDS, stop

# How long a claim may wait here while other processes might have room for it
HOLD_SECONDS: Final = 0.25
# Claims that begin in one turn of the event loop; then the committer runs, and commits the first outcomes meanwhile
BEGUN_AT_ONCE: Final = 32
# Numbers of notified claims to remember: those of a few seconds, at the highest rate of one process
NOTIFIED_MAX: Final = 65_536
# How long a step may take to end after it was cancelled: its handler, then its transaction
END_SECONDS: Final = UNWIND_SECONDS + 1.0


class ClaimRunner(Protocol):
    """Runs one claim to its outcome. Implemented by `saga.runtime.claims.executor.Executor`."""

    async def run(self, claim: Claim) -> None:
        """Never raises, except when cancelled."""


class Intake:
    """Holds claims until there is room, and runs each at most once.

    There is room for the claims that can run at once, and for those that will begin within `HOLD_SECONDS` at the present rate.
    """

    def __init__(self, clock: Clock, requests: PollRequests) -> None:
        self._clock = clock
        self._requests = requests
        self._runner: ClaimRunner | None = None
        self._capacity = 0
        self._waiting: deque[Claim] = deque()
        self._running: dict[int, tuple[Claim, asyncio.Task[None]]] = {}  # by claim number
        # Claims that did not come in the reply to the call that made them.
        # Not a plain dict, which passes all deleted entries to find its oldest one.
        self._notified: OrderedDict[int, None] = OrderedDict()
        self._ended: set[int] | None = None  # claim numbers, while a fetch is in progress
        self._freed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.finished: int = 0  # claims that have ended in this process
        self._finished_before = 0  # the same when the rate was measured last
        self._ending_soon = 0  # claims that finish within HOLD_SECONDS, at the present rate
        self._measured_at = clock.monotonic()
        self._is_continuing = False  # the next turn of the loop begins more of the waiting claims
        self._is_closing = False

    def run_with(self, runner: ClaimRunner) -> None:
        """Sets the runner. It comes later because of a circle: the commit of an outcome hands over the next claim to this intake."""
        self._runner = runner

    def serve(self, capacity: int) -> None:
        """Allows this many more claims to run at once; a negative number: fewer."""
        self._capacity += capacity
        self._freed.set()  # deliveries of a bus may already be waiting for room
        if self._waiting and not self._is_continuing:
            self._begin()
        self._requests.room_freed()

    @property
    def in_flight(self) -> int:
        """Claims held: running and waiting."""
        return len(self._running) + len(self._waiting)

    @property
    def capacity(self) -> int:
        """Maximum number of claims that run at once."""
        return self._capacity

    @property
    def load(self) -> int:
        """Claims held, less those that will finish within HOLD_SECONDS at the present rate."""
        return max(self.in_flight - self._ending_soon, 0)

    @property
    def extended_capacity(self) -> int:
        """Maximum number of claims that are held: those that can run now, and those that can run soon."""
        return self._capacity + self._ending_soon

    @property
    def is_closing(self) -> bool:
        return self._is_closing

    def measure_rate(self) -> None:
        """Measures how quickly claims finish, unless it was measured just now. Called with every heartbeat and every poll."""
        now = self._clock.monotonic()
        if now - self._measured_at >= HOLD_SECONDS:
            finished = self.finished - self._finished_before
            self._ending_soon = int(finished / (now - self._measured_at) * HOLD_SECONDS)
            self._measured_at, self._finished_before = now, self.finished

    def has_room(self) -> bool:
        """Returns whether another claim is accepted now."""
        return not self._is_closing and self.room() > 0

    def room(self) -> int:
        """The number of further claims that may be held; not positive where there is no room."""
        return self._capacity + self._ending_soon - len(self._running) - len(self._waiting)

    async def wait_for_room(self) -> int:
        """Waits until there is room. Returns the number of claims that are accepted."""
        while not self.has_room():
            self._freed.clear()
            await self._freed.wait()
        return self.room()

    def add(self, claims: Sequence[Claim]) -> None:
        """Runs these claims, or keeps them until there is room. A process that stops gives them back.

        Runs each claim at most once, though it may arrive twice: in a second notification, or in the reply to a call after it was
        already fetched. The lease and the quiet time of a claim allow for one external call, not for two (G24).
        """
        for claim in claims:
            if claim.number not in self._running and claim.number not in self._notified:
                self._waiting.append(claim)
        if not self._is_continuing:
            self._begin()

    def add_notified(self, claims: Sequence[Claim]) -> None:
        """Adds claims that were notified or fetched: they may arrive again by another route."""
        self.add(claims)
        self._notified.update(dict.fromkeys(claim.number for claim in claims))
        while len(self._notified) > NOTIFIED_MAX:
            self._notified.popitem(last=False)

    def record_ended(self, ended: set[int] | None) -> None:
        """Records the numbers of claims that end from now on in this set; None stops the recording."""
        self._ended = ended

    def waiting_numbers(self) -> list[int]:
        return [claim.number for claim in self._waiting]

    def held(self) -> list[Claim]:
        """Returns the claims that run or wait."""
        return [*(claim for claim, _ in self._running.values()), *self._waiting]

    def cancel(self, claim: Claim) -> bool:
        """Cancels a claim that is running. Returns False if it is not running."""
        running = self._running.get(claim.number)
        if running is None:
            return False
        # Not at once: a task that is cancelled before its first step never reaches the `finally` of `_run_one`
        self._loop.call_soon(stop, running[1])
        return True

    def close(self) -> None:
        """Begins no more claims."""
        self._is_closing = True

    def take_waiting(self, is_wanted: Callable[[Claim], bool]) -> list[Claim]:
        """Removes these claims, which wait for room."""
        taken = [claim for claim in self._waiting if is_wanted(claim)]
        self._waiting = deque(claim for claim in self._waiting if not is_wanted(claim))
        return taken

    async def drain(
        self, seconds: float, is_wanted: Callable[[Claim], bool] = lambda _: True
    ) -> tuple[list[Claim], list[Claim]]:
        """Lets these claims finish within that time, then cancels them.

        Takes at most `END_SECONDS` more than that. Returns the claims that were not begun, and those that were cut off.
        """
        waiting = self.take_waiting(is_wanted)
        running = {task: claim for claim, task in self._running.values() if is_wanted(claim)}
        if not running:
            return waiting, []
        _, late = await asyncio.wait(running, timeout=seconds)
        for task in late:
            stop(task)
        if late:
            await asyncio.wait(late, timeout=END_SECONDS)
        return waiting, [running[task] for task in late if task.cancelled()]

    def _begin(self) -> None:
        """Runs waiting claims while there is room, some of them in each turn of the loop."""
        begun = 0
        while self._waiting and len(self._running) < self._capacity and not self._is_closing:
            if begun == BEGUN_AT_ONCE:
                self._is_continuing = True
                self._loop.call_soon(self._continue)
                return
            begun += 1
            claim = self._waiting.popleft()
            self._running[claim.number] = (claim, self._loop.create_task(self._run_one(claim)))

    def _continue(self) -> None:
        self._is_continuing = False
        self._begin()

    async def _run_one(self, claim: Claim) -> None:
        assert self._runner is not None  # noqa: S101 (set before anything is served)
        try:
            await self._runner.run(claim)
        finally:
            del self._running[claim.number]
            self.finished += 1
            if self._ended is not None:
                self._ended.add(claim.number)
            self._freed.set()
            if self._waiting and not self._is_continuing:
                self._begin()
            self._requests.room_freed()
