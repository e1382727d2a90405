"""A SQLAlchemy session that takes part in a step's transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Final

from saga.errors import MissingDriver
from saga.ports.store import Connection

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

_lent: Final[ContextVar[Connection]] = ContextVar("lent")


class _Lent:
    """A connection that SQLAlchemy uses and must not close: the step's transaction goes on."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def close(self, *, timeout: float | None = None) -> None:
        """Keeps the connection open: the step owns it."""

    def terminate(self) -> None:
        """Keeps the connection open: the step owns it."""

    def __getattr__(self, name: str) -> object:
        found: object = getattr(self._connection, name)
        return found


@asynccontextmanager
async def session_on(connection: Connection) -> AsyncIterator[AsyncSession]:
    """A session inside the transaction of this connection. It is flushed at the end; after an exception its changes are rolled back.

    Raises:
        MissingDriver: SQLAlchemy is not installed.
    """
    try:
        from sqlalchemy.ext.asyncio import AsyncSession  # noqa: PLC0415 (an extra)
    except ModuleNotFoundError as error:
        raise MissingDriver(
            "ctx.session() needs SQLAlchemy, which is missing. Run: pip install 'saga-coordination[sqlalchemy]'"
        ) from error
    token = _lent.set(connection)
    first: BaseException | None = None
    try:
        # SQLAlchemy's transaction is a savepoint of the step's, and commits of the session stay within it
        async with (
            _engine().connect() as joined,
            joined.begin(),
            AsyncSession(joined, join_transaction_mode="rollback_only", expire_on_commit=False) as session,
        ):
            try:
                yield session
                await session.commit()
            except BaseException as error:
                first = error
                raise
    except Exception:  # closing the session on a broken connection raises errors of its own
        if first is None:
            raise
    finally:
        _lent.reset(token)
    if first is not None:
        try:
            raise first
        finally:
            first = None  # its traceback has this frame: no cycle


@cache
def _engine() -> AsyncEngine:
    """One for the process: it queries the version of the server at the first connection only."""
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    return create_async_engine("postgresql+asyncpg://", poolclass=NullPool, async_creator=_borrow)


async def _borrow(*_: object, **__: object) -> _Lent:
    return _Lent(_lent.get())
