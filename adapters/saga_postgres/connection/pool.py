"""The framework's own connections to one Postgres, in the schema of one namespace."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import chain
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import asyncpg

from saga.errors import UsageError
from saga_postgres.connection.failures import is_refusal, pooled, translate, translated
from saga_postgres.connection.growth import WAIT_SECONDS, Growth
from saga_postgres.connection.pooler import is_pooled
from saga_postgres.connection.session import (
    COMMAND_TIMEOUT_SECONDS,
    CONNECT_TIMEOUT_SECONDS,
    KEEPALIVE,
    PINNED,
    is_of_lost_server,
    search_path,
)
from saga_postgres.connection.sessions import CANCEL_SECONDS, Sessions, Sharing
from saga_postgres.connection.url import place_of

NO_TUNING: Final[Mapping[str, str]] = MappingProxyType({})
LOCK_SECONDS_MAX: Final = 2.0
"""A statement waits this long for a row that another transaction holds; then its process goes on with other sagas."""
SHARED_SECONDS_MAX: Final = 0.25
"""A statement that reads, and is slow now and then, has the shared session for this long: no longer than heartbeats can wait."""
HOT: Final[Mapping[str, str]] = MappingProxyType(
    {"plan_cache_mode": "force_generic_plan", "lock_timeout": str(int(LOCK_SECONDS_MAX * 1000))}
)
"""Generic plans for the framework's few statements: planning them at each call took half of a commit. No endless waits for locks."""
_NAMESPACE: Final = re.compile(r"[a-z][a-z0-9_]{0,19}")

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Connection = Any  # asyncpg.Connection, or a pool's proxy of one, which has the same methods but no common type
Row = Any  # a driver's record: read by position or by name
Fetch = Callable[..., Awaitable[list[Row]]]


def checked_namespace(namespace: str) -> str:
    """The namespace, if it can be the name of a schema and a part of channel names. Raises UsageError."""
    if not _NAMESPACE.fullmatch(namespace):
        raise UsageError(f"namespace {namespace!r}: use 1 to 20 characters of a-z, 0-9 and _, beginning with a letter")
    return namespace


class Pool:
    """Sessions that only the framework uses, opened when they are needed.

    Their search path is the schema of the namespace, and their settings are `session.PINNED`. One more session, that of the process's
    membership, is lent for short statements while all others are in use: a process that does little has only this one.

    A connection is discarded after any error that is not an answer of the server: its state is unknown. After one that says that the
    server is lost or read-only all of them are.
    """

    def __init__(
        self,
        url: str,
        namespace: str,
        *,
        connections_max: int,
        application: str,
        tuning: Mapping[str, str] = NO_TUNING,
    ) -> None:
        self.url = url
        self.place = place_of(url)
        self.namespace = checked_namespace(namespace)
        self._settings = {
            "application_name": application,
            "search_path": search_path(self.namespace),
            **PINNED,
            **KEEPALIVE,
            **tuning,
        }
        self._are_swallowed: bool | None = None  # unknown until the first connection
        self._growth = Growth(WAIT_SECONDS, kept=1)
        self._sessions = Sessions(
            self.place, self._connect, connections_max=connections_max, setting="connections", growth=self._growth
        )

    async def fetch(self, query: str, *arguments: object) -> list[Row]:
        """Runs one short statement, perhaps on the shared session. Raises errors of Saga, see `failures`."""
        try:
            session = self._sessions.pop_idle(Sharing.ALWAYS) or await self._sessions.take(Sharing.ALWAYS)
            return await self._run(session, query, arguments)
        except Exception as error:
            translate(error, self.place)
            raise

    async def fetch_slowly(self, query: str, *arguments: object) -> list[Row]:
        """Runs one statement that may take long or wait for a lock. Raises errors of Saga, see `failures`.

        It does not run on the shared session, unless the server gives no other one.
        """
        with translated(self.place):
            return await self._run(await self._sessions.take(Sharing.REFUSED), query, arguments)

    async def read(self, query: str, *arguments: object) -> list[Row]:
        """Runs one statement that only reads, and is slow now and then. Raises errors of Saga, see `failures`.

        It runs on the shared session if that is free, so that regular looks keep no other one open. If it takes longer than
        `SHARED_SECONDS_MAX` there, it is cancelled and begins again on another one.
        """
        with translated(self.place):
            session = self._sessions.shared.pop() or await self._sessions.take(Sharing.ALWAYS)
            if self._is_shared(session):
                with suppress(TimeoutError):
                    return await self._run(session, query, arguments, timeout=SHARED_SECONDS_MAX)
                session = await self._sessions.take(Sharing.REFUSED)
            return await self._run(session, query, arguments)

    async def _run(
        self,
        session: Session,
        query: str,
        arguments: Sequence[object],
        timeout: float | None = None,
    ) -> list[Row]:
        try:
            rows: list[Row] = await session.fetch(query, *arguments, timeout=timeout)
        except BaseException as error:
            await self._give_back_after(session, error)
            raise
        self._sessions.give_back(session)
        return rows

    async def fetch_within(self, fetch: Fetch, query: str, *arguments: object) -> list[Row]:
        """Runs one statement in a transaction that is not the pool's, by its `fetch`. Raises errors of Saga, see `failures`."""
        try:
            rows: list[Row] = await fetch(query, *arguments)
        except Exception as error:
            translate(error, self.place)
            raise
        return rows

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for several statements. Raises errors of Saga, see `failures`."""
        with translated(self.place):
            session = await self._sessions.take()
            try:
                yield session
            except BaseException as error:
                await self._give_back_after(session, error)
                raise
            self._sessions.give_back(session)

    async def dedicated(self, **settings: str) -> Session:
        """A connection outside the pool, for session locks and LISTEN; the caller closes it. Raises errors of Saga, see `failures`.

        If the server refuses one more, a session of the pool takes its place, unless it must have `settings` of its own.
        """
        with translated(self.place):
            await asyncio.sleep(self._growth.not_before - asyncio.get_running_loop().time())
            try:
                session = await self._connect(**settings)
            except Exception as error:
                if not is_refusal(error):
                    raise
                self._sessions.failed(error)
                if settings:
                    raise
                session = await self._sessions.take()
                self._sessions.detach(session)
            else:
                self._sessions.opened()
            return session

    def share(self, session: Session) -> None:
        """Lends this dedicated connection for short statements, until `unshare`."""
        self._sessions.share(session)

    def unshare(self, session: Session) -> None:
        """Ends `share`. Turns of the owner that still wait raise Unavailable."""
        self._sessions.shared.end(session)

    @asynccontextmanager
    async def turn(self, session: Session) -> AsyncIterator[None]:
        """Reserves the shared session for its owner, which then runs its own statements on it.

        The owner is served before the statements of the pool: it waits for one of them at most. Errors are handled as by `using`.
        """
        with translated(self.place):
            await self._sessions.take_shared(session)
        try:
            with self.using(session):
                yield
        finally:
            self._sessions.give_back(session)

    @contextmanager
    def using(self, session: Session) -> Iterator[None]:
        """Runs statements on a dedicated connection. If its server is lost or read-only, it is ended, and so are those of the pool.

        Raises errors of Saga, see `failures`.
        """
        with translated(self.place):
            try:
                yield
            except Exception as error:
                self._end_if_lost(session, error)
                raise

    def _end_if_lost(self, session: Session, error: BaseException) -> None:
        if is_of_lost_server(error) and not isinstance(error, TimeoutError):  # it may only be slow
            session.terminate()
            self._sessions.expire()

    def _is_shared(self, session: Session) -> bool:
        return session is self._sessions.shared.session

    async def close(self) -> None:
        """Terminates all connections, for good."""
        self._sessions.close()

    async def _connect(self, **settings: str) -> Session:
        wanted = {**self._settings, **settings}
        session = await self._session(wanted)
        try:
            if self._are_swallowed is None:
                self._are_swallowed = await self._is_swallowing(session)
            if self._are_swallowed:
                names = ", ".join(f"set_config(${2 * n + 1}, ${2 * n + 2}, false)" for n in range(len(wanted)))
                await session.fetch(f"select {names}", *chain.from_iterable(wanted.items()))
        except BaseException:
            session.terminate()
            raise
        return session

    async def _session(self, settings: Mapping[str, str]) -> Session:
        return await asyncpg.connect(
            self.url,
            timeout=CONNECT_TIMEOUT_SECONDS,
            command_timeout=COMMAND_TIMEOUT_SECONDS,
            server_settings={**settings},
        )

    async def _is_swallowing(self, session: Session) -> bool:
        """Returns whether a pooler is in front that does not pass settings on. Raises UsageError if it does not keep sessions either."""
        if await session.fetchval("select current_setting('search_path')") == self._settings["search_path"]:
            return False
        other = await self._session(self._settings)
        try:
            if await is_pooled(session, other):
                raise pooled(self.place)
        finally:
            other.terminate()
        return True

    async def _give_back_after(self, session: Session, error: BaseException) -> None:
        """Keeps a connection only if the server answered and no transaction is open; the shared one unless the server is lost.

        A statement that is cancelled here is cancelled in the server, too: one that waits for a lock would otherwise run much later.
        """
        is_answer = isinstance(error, asyncpg.PostgresError) and not session.is_closed()
        try:
            if self._is_shared(session):
                self._end_if_lost(session, error)  # the driver cancels the statement before the next one
            elif isinstance(error, asyncio.CancelledError):
                with suppress(Exception):  # then the connection is lost, and the outcome of the statement unknown
                    async with asyncio.timeout(CANCEL_SECONDS):
                        await session.close()
            elif is_of_lost_server(error):
                self._sessions.expire()
            elif not is_answer or session.is_in_transaction():
                session.terminate()
        finally:
            self._sessions.give_back(session)
