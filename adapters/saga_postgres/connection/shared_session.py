"""The session of a process's membership, which the pool lends while its owner does not need it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

import asyncpg

Session = TypeVar("Session", bound="asyncpg.Connection[asyncpg.Record]")


class SharedSession(Generic[Session]):
    """One session at most. Its owner opens and closes it, and comes first; nobody else gets it while the owner waits."""

    def __init__(self) -> None:
        self.session: Session | None = None
        self._is_used = False
        self._turns: deque[asyncio.Future[None]] = deque()  # operations of the owner that wait

    @property
    def is_alive(self) -> bool:
        """Tells if there is a session that can be lent, now or later."""
        return self.session is not None and not self.session.is_closed()

    def begin(self, session: Session) -> None:
        """Lends this session from now on."""
        self.session, self._is_used = session, False

    def end(self, session: Session) -> None:
        """Lends it no more. Operations of the owner that wait for it raise ConnectionResetError."""
        if session is self.session:
            self.session = None
            while self._turns:
                turn = self._turns.popleft()
                if not turn.done():
                    turn.set_exception(ConnectionResetError("the session has ended"))

    def pop(self) -> Session | None:
        """The session, if it is alive and free. It must be given back."""
        if self._is_used or not self.is_alive:
            return None
        self._is_used = True
        return self.session

    def turn(self, session: Session) -> asyncio.Future[None]:
        """The next turn of the owner: done as soon as the session is the owner's, which must give it back."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if session is not self.session:
            turn.set_exception(ConnectionResetError("the session has ended"))
        elif self._is_used:
            self._turns.append(turn)
        else:
            self._is_used = True
            turn.set_result(None)
        return turn

    def give_back(self) -> None:
        """Passes the session on to its owner, if it waits."""
        self._is_used = False
        while self._turns and not self._is_used:
            turn = self._turns.popleft()
            if not turn.done():
                self._is_used = True
                turn.set_result(None)
