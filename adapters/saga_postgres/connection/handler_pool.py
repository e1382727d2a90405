"""Connections for the handlers of transactional and journaled steps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from saga.errors import UsageError
from saga_postgres.connection.failures import translated
from saga_postgres.connection.growth import HANDLER_IDLE_SECONDS, Growth
from saga_postgres.connection.session import CONNECT_TIMEOUT_SECONDS, is_of_lost_server
from saga_postgres.connection.sessions import Sessions
from saga_postgres.connection.step_connection import LentConnection, StepConnection
from saga_postgres.connection.url import place_of

ROLL_BACK_SECONDS: Final = 5.0
"""Time for a session to cancel the handler's statement and to roll back; after it the session is dropped."""


class HandlerPool:
    """A pool that connects when it must, and closes what is not needed.

    Handlers have the search path of the role; what they SET ends with their step.
    The only time limit of a handler's statements is that of its step. `begin` has the options of BEGIN, and `options` the arguments of the
    driver's connect.
    """

    def __init__(
        self,
        url: str,
        *,
        connections_max: int,
        settings: Mapping[str, str],
        begin: str = "",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.place = place_of(url)
        self._begin = begin
        self._url = url
        self._arguments = {"server_settings": {**settings}, **(options or {})}
        self._sessions: Sessions[StepConnection] = Sessions(
            self.place,
            self._connect,
            connections_max=connections_max,
            setting="handler_connections",
            growth=Growth(idle_seconds=HANDLER_IDLE_SECONDS),
        )

    @asynccontextmanager
    async def session(self) -> AsyncIterator[StepConnection]:
        """A connection for statements of ours. Raises errors of Saga, see `failures`."""
        connection = await self._take()
        try:
            with translated(self.place):
                yield connection
        except BaseException:
            connection.terminate()
            raise
        finally:
            self._sessions.give_back(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[LentConnection]:
        """A transaction for the handler of a step. Errors of the handler are passed on; errors of the connection become Saga's.

        Raises:
            UsageError: the handler has ended the transaction.
            Unavailable: at the end: it is unknown whether the transaction was committed; the connection is discarded.
        """
        connection = await self._take()
        lent = LentConnection(connection)
        try:
            await self._own(connection, connection.begin(self._begin))
            try:
                yield lent
            except BaseException as error:
                await self._roll_back(connection, lent, error)
                raise
            await self._own(connection, connection.commit())
            await self._own(connection, lent.restore_codecs())
        finally:
            lent.end()
            self._sessions.give_back(connection)

    async def close(self) -> None:
        self._sessions.close()

    async def _connect(self) -> StepConnection:
        connection: StepConnection = await asyncpg.connect(
            self._url, timeout=CONNECT_TIMEOUT_SECONDS, connection_class=StepConnection, **self._arguments
        )
        return connection

    async def _take(self) -> StepConnection:
        with translated(self.place):
            return await self._sessions.take()

    async def _own(self, connection: StepConnection, statement: Awaitable[None]) -> None:
        """A statement of ours. If it fails, its connection is dropped, and all others if the server is lost."""
        with translated(self.place):
            try:
                await statement
            except BaseException as error:
                connection.terminate()
                if is_of_lost_server(error):
                    self._sessions.expire()
                raise

    async def _roll_back(self, connection: StepConnection, lent: LentConnection, error: BaseException) -> None:
        """After an error of the handler, which stays the error of the step unless the handler has ended the transaction."""
        if connection.is_closed():  # under the handler: the others may be as dead
            self._sessions.expire()
            return
        try:
            async with asyncio.timeout(ROLL_BACK_SECONDS):
                await self._own(connection, connection.roll_back())
                await self._own(connection, lent.restore_codecs())
        except UsageError as ended:
            if isinstance(error, Exception):
                raise ended from error
        except TimeoutError:
            self._sessions.expire()
        except Exception:  # noqa: BLE001 (the transaction dies with its connection)
            return
