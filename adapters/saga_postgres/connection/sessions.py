"""The sessions that a pool holds: opened when they are needed, the last one used first, and dropped together when their server is lost.

Deliberate: not asyncpg's pool, which shields, wraps and times every use: that was a quarter of the work of a participant for a step.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

import asyncpg

from saga.errors import Closed, Unavailable
from saga_postgres.connection.session import CONNECT_TIMEOUT_SECONDS, is_read_only

CANCEL_SECONDS: Final = 1.0
"""Time for a session to cancel a statement; after it the session is dropped."""

Session = TypeVar("Session", bound="asyncpg.Connection[asyncpg.Record]")


class Sessions(Generic[Session]):
    """Up to `connections_max` sessions that `connect` opens. `setting`: the name of that limit, for messages."""

    def __init__(
        self, place: str, connect: Callable[[], Awaitable[Session]], *, connections_max: int, setting: str
    ) -> None:
        self.place = place
        self._connect = connect
        self._connections_max = connections_max
        self._setting = setting
        self._idle: list[Session] = []
        self._used: set[Session] = set()
        self._expired: set[Session] = set()  # in use, and dropped when they are given back
        self._opening = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_closed = False

    async def take(self) -> Session:
        """Returns a session that nobody else uses, opened if necessary. It must be given back.

        Raises:
            Closed: `close` was called.
            Unavailable: none is free in time.

        It also raises the driver's errors.
        """
        return self.pop_idle() or await self._wait_for_one()

    def pop_idle(self) -> Session | None:
        """Returns an idle session without waiting, or None if there is none."""
        while self._idle:
            session = self._idle.pop()
            if not session.is_closed():
                self._used.add(session)
                return session
        return None

    def give_back(self, session: Session) -> None:
        """Takes back a session that is as it was when it was taken, or closed. If it can no longer write, all sessions are dropped."""
        if not session.is_closed() and is_read_only(session):
            self.expire()
        self._used.discard(session)
        if session in self._expired:
            self._expired.discard(session)
            session.terminate()
        elif not session.is_closed():
            self._idle.append(session)
        if self._waiting:
            self._wake(1)

    def expire(self) -> None:
        """Drops all sessions, because the server is lost or takes no more writes. Those in use are dropped when they are given back."""
        for session in self._idle:
            session.terminate()
        self._idle.clear()
        self._expired |= self._used

    def close(self) -> None:
        """Terminates all sessions, for good."""
        self._is_closed = True
        for session in (*self._idle, *self._used):
            session.terminate()
        self._idle.clear()
        self._used.clear()
        self._expired.clear()
        self._wake(len(self._waiting))

    async def _wait_for_one(self) -> Session:
        give_up_at = asyncio.get_running_loop().time() + CONNECT_TIMEOUT_SECONDS
        while True:
            if self._is_closed:
                raise Closed(f"{self.place} is closed")
            session = self.pop_idle()
            if session is not None:
                return session
            if len(self._used) + self._opening < self._connections_max:
                return await self._open_one()
            await self._wait_for_free(give_up_at)

    async def _open_one(self) -> Session:
        self._opening += 1
        try:
            session = await self._connect()
        except BaseException:
            self._wake(1)  # another waiter may succeed
            raise
        finally:
            self._opening -= 1
        if self._is_closed:
            session.terminate()
            raise Closed(f"{self.place} is closed")
        self._used.add(session)
        return session

    async def _wait_for_free(self, give_up_at: float) -> None:
        loop = asyncio.get_running_loop()
        freed: asyncio.Future[None] = loop.create_future()
        self._waiting.append(freed)
        try:
            async with asyncio.timeout_at(give_up_at):
                await freed
        except BaseException as error:
            if freed.done() and not freed.cancelled():
                self._wake(1)  # a session is free, and this waiter will not take it
            elif freed in self._waiting:
                self._waiting.remove(freed)
            if isinstance(error, TimeoutError):
                raise Unavailable(
                    f"{self.place}: all {self._connections_max} connections are in use (setting: {self._setting})"
                ) from None
            raise

    def _wake(self, count: int) -> None:
        while self._waiting and count:
            freed = self._waiting.popleft()
            if not freed.done():
                freed.set_result(None)
                count -= 1
