"""The sessions that a pool holds: opened when they are needed, the last one used first, and dropped together when their server is lost.

Deliberate: not asyncpg's pool, which shields, wraps and times every use: that was a quarter of the work of a participant for a step.
"""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Generic

from saga.errors import Closed, Unavailable
from saga_postgres.connection.failures import MORE_CONNECTIONS, is_refusal, reason_of
from saga_postgres.connection.growth import SHARED_WAIT_SECONDS, Growth
from saga_postgres.connection.session import CONNECT_TIMEOUT_SECONDS, is_read_only
from saga_postgres.connection.shared_session import Session, SharedSession

CANCEL_SECONDS: Final = 1.0
"""Time for a session to cancel a statement; after it the session is dropped."""


class Sharing(enum.Enum):
    """The condition for a caller to get the shared session."""

    NEVER = enum.auto()
    REFUSED = enum.auto()
    """Only while the server gives no other one: the caller may keep it for longer than its owner likes."""
    ALWAYS = enum.auto()


class _Waiter(Generic[Session]):
    """A caller that waits for a session."""

    __slots__ = ("session", "sharing", "since")

    def __init__(self, sharing: Sharing) -> None:
        loop = asyncio.get_running_loop()
        self.session: asyncio.Future[Session] = loop.create_future()
        self.since = loop.time()
        self.sharing = sharing


class Sessions(Generic[Session]):
    """Up to `connections_max` sessions that `connect` opens. `setting`: the name of that limit, for messages.

    One more is opened when a caller has waited for as long as `growth` says, and closed when it was not needed for a while. If none can
    be opened, callers wait for those that there are, first come first served, and the server is asked again later and less often.

    The `shared` session comes on top. `take` and `pop_idle` lend it only while all others are in use.
    """

    def __init__(
        self,
        place: str,
        connect: Callable[[], Awaitable[Session]],
        *,
        connections_max: int,
        setting: str,
        growth: Growth,
    ) -> None:
        self.place = place
        self.shared: SharedSession[Session] = SharedSession()
        self._connect = connect
        self._connections_max = connections_max
        self._setting = setting
        self._growth = growth
        self._idle: list[Session] = []
        self._unneeded = 0  # this many of the idle sessions, the first ones, were not needed since the last look
        self._used: set[Session] = set()
        self._expired: set[Session] = set()  # in use, and dropped when they are given back
        self._opening: set[asyncio.Task[None]] = set()
        self._failure: Exception | None = None  # why the last session could not be opened
        self._waiting: deque[_Waiter[Session]] = deque()
        self._grow_timer: asyncio.TimerHandle | None = None
        self._grow_at = 0.0  # when that timer is due; not every event loop's timers tell
        self._shrink_timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def take(self, sharing: Sharing = Sharing.NEVER) -> Session:
        """Returns a session that nobody else uses, opened if necessary. It must be given back.

        Raises:
            Closed: `close` was called.
            Unavailable: none is free in time.

        It also raises the driver's errors.
        """
        return self.pop_idle(sharing) or await self._wait_for_one(sharing)

    def pop_idle(self, sharing: Sharing = Sharing.NEVER) -> Session | None:
        """Returns an idle session without waiting, or None if there is none."""
        while self._idle:
            session = self._idle.pop()
            self._unneeded = min(self._unneeded, len(self._idle))
            if not session.is_closed():
                self._used.add(session)
                return session
        return self.shared.pop() if sharing is Sharing.ALWAYS else None

    def give_back(self, session: Session) -> None:
        """Takes back a session that is as it was when it was taken, or closed. If it can no longer write, all sessions are dropped."""
        if not session.is_closed() and is_read_only(session):
            self.expire()
        if session is self.shared.session:
            self.shared.give_back()
            self._lend()
        elif session not in self._used or session in self._expired:
            # It is no longer shared, the pool is closed, or the server is lost.
            self._used.discard(session)
            self._expired.discard(session)
            session.terminate()
        else:
            self._used.remove(session)
            if not session.is_closed():
                self._put(session)
        self._grow()

    def detach(self, session: Session) -> None:
        """Removes a session that was taken from the pool: from now on it is the caller's, which closes it."""
        self._used.discard(session)

    def share(self, session: Session) -> None:
        """Lends this session from now on, until `shared.end`."""
        self.shared.begin(session)
        self._lend()

    async def take_shared(self, session: Session) -> None:
        """Waits until the shared session is its owner's, who must give it back. Raises ConnectionResetError if it has ended."""
        turn = self.shared.turn(session)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.give_back(session)
            raise

    def expire(self) -> None:
        """Drops all sessions, because the server is lost or takes no more writes. Those in use are dropped when they are given back."""
        for session in self._idle:
            session.terminate()
        self._idle.clear()
        self._unneeded = 0
        self._expired |= self._used

    def close(self) -> None:
        """Terminates all sessions but the shared one, for good."""
        self._is_closed = True
        for session in (*self._idle, *self._used):
            session.terminate()
        self._idle.clear()
        self._used.clear()
        self._expired.clear()
        for task in self._opening:
            task.cancel()
        for timer in (self._grow_timer, self._shrink_timer):
            if timer is not None:
                timer.cancel()
        self._fail(list(self._waiting), Closed(f"{self.place} is closed"))

    def opened(self) -> None:
        """The server has given a connection."""
        self._failure = None
        self._growth.succeeded()
        self._grow()

    def failed(self, error: Exception) -> None:
        """The server has given no connection. Those who wait get the error, unless another session will do or it only refuses one more."""
        self._failure = error
        if not is_refusal(error):
            self._fail([waiter for waiter in self._waiting if not self._has_one_for(waiter)], error)
        if self._waiting or is_refusal(error):
            self._growth.failed(asyncio.get_running_loop().time())
        self._lend()

    async def _wait_for_one(self, sharing: Sharing) -> Session:
        if self._is_closed:
            raise Closed(f"{self.place} is closed")
        waiter: _Waiter[Session] = _Waiter(sharing)
        self._waiting.append(waiter)
        self._lend()
        self._grow()
        try:
            await asyncio.wait([waiter.session], timeout=CONNECT_TIMEOUT_SECONDS)
        except BaseException:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            elif waiter.session.exception() is None:
                self.give_back(waiter.session.result())  # this caller will not take it
            raise
        if not waiter.session.done():
            self._waiting.remove(waiter)
            raise self._none_in_time() from self._failure
        return waiter.session.result()

    def _none_in_time(self) -> Unavailable:
        if self._failure is None:
            return Unavailable(
                f"{self.place}: all {self._connections_max} connections are in use (setting: {self._setting})"
            )
        reason = reason_of(self._failure)
        return Unavailable(
            f"{self.place} gives this process no connection beside {len(self._used)} ({reason}): {MORE_CONNECTIONS}"
        )

    def _put(self, session: Session) -> None:
        """Gives a session to the caller that has waited longest. If none waits, the session is idle."""
        if self._waiting:
            self._used.add(session)
            self._waiting.popleft().session.set_result(session)
            return
        self._idle.append(session)
        if self._shrink_timer is None:
            self._look_later()

    def _lend(self) -> None:
        """Gives the shared session, if it is free, to the caller that has waited longest of those that may have it."""
        waiter = next(filter(self._may_share, self._waiting), None)
        session = self.shared.pop() if waiter is not None else None
        if waiter is not None and session is not None:
            self._waiting.remove(waiter)
            waiter.session.set_result(session)

    def _may_share(self, waiter: _Waiter[Session]) -> bool:
        is_refused = asyncio.get_running_loop().time() < self._growth.not_before
        return waiter.sharing is Sharing.ALWAYS or (waiter.sharing is Sharing.REFUSED and is_refused)

    def _fail(self, waiters: list[_Waiter[Session]], error: Exception) -> None:
        for waiter in waiters:
            self._waiting.remove(waiter)
            waiter.session.set_exception(error)

    def _has_one_for(self, waiter: _Waiter[Session]) -> bool:
        return bool(self._used) or (self.shared.is_alive and self._may_share(waiter))

    def _grow(self) -> None:
        """Opens one more session if the first caller that waits has waited for long enough; otherwise looks again when it has."""
        if not self._waiting or len(self._idle) + len(self._used) + len(self._opening) >= self._connections_max:
            return
        if len(self._opening) >= (1 if self._growth.wait_seconds else len(self._waiting)):
            return
        loop, first = asyncio.get_running_loop(), self._waiting[0]
        at = max(first.since + self._patience(first), self._growth.not_before)
        if at <= loop.time():
            task = asyncio.create_task(self._open_one())
            self._opening.add(task)
            task.add_done_callback(self._has_opened)
        elif self._grow_timer is None or self._grow_at > at:
            if self._grow_timer is not None:
                self._grow_timer.cancel()
            self._grow_timer, self._grow_at = loop.call_at(at, self._on_grow_timer), at

    def _patience(self, waiter: _Waiter[Session]) -> float:
        if not self._has_one_for(waiter):
            return 0.0
        return self._growth.wait_seconds if self._used else min(self._growth.wait_seconds, SHARED_WAIT_SECONDS)

    def _on_grow_timer(self) -> None:
        self._grow_timer = None
        self._grow()

    async def _open_one(self) -> None:
        try:
            session = await self._connect()
        except Exception as error:  # noqa: BLE001 (those who wait get it)
            self.failed(error)
        else:
            self.opened()
            self._put(session)

    def _has_opened(self, task: asyncio.Task[None]) -> None:
        self._opening.discard(task)
        self._grow()

    def _look_later(self) -> None:
        self._unneeded = len(self._idle)
        self._shrink_timer = asyncio.get_running_loop().call_later(self._growth.idle_seconds, self._shrink)

    def _shrink(self) -> None:
        """Closes the sessions that were idle ever since the last look."""
        kept = 0 if self.shared.is_alive else self._growth.kept
        count = max(min(self._unneeded, len(self._idle) + len(self._used) - kept), 0)
        for session in self._idle[:count]:
            session.terminate()
        del self._idle[:count]
        self._shrink_timer = None
        if self._idle or self._used:
            self._look_later()
