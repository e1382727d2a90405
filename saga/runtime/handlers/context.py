"""What a handler can ask and say while it runs."""

from __future__ import annotations

import asyncio
import re
import weakref
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import structlog
from pydantic_core import from_json

from saga.core.definition.graph import Json
from saga.core.ids import idempotency_key, step_path
from saga.core.state.operation import Operation
from saga.errors import UsageError
from saga.ports.store import Connection
from saga.ports.values.claim import Claim
from saga.runtime.handlers.sqlalchemy_session import session_on

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

_TRANSACTION_CONTROL: Final = re.compile(
    r"(?:^|;)\s*(?:commit|rollback(?!\s+to)|end|abort|prepare\s+transaction)\b", re.IGNORECASE
)

Row = Any  # what the driver returns
Logger = structlog.typing.FilteringBoundLogger


class GuardedConnection:
    """A connection on the step's transaction. Everything of asyncpg's connection but the end of the transaction: that is the step's."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def execute(self, query: str, *arguments: object, **options: object) -> Row:
        return await self._connection.execute(_checked(query), *arguments, **options)

    async def fetch(self, query: str, *arguments: object, **options: object) -> Row:
        return await self._connection.fetch(_checked(query), *arguments, **options)

    async def fetchrow(self, query: str, *arguments: object, **options: object) -> Row:
        return await self._connection.fetchrow(_checked(query), *arguments, **options)

    async def fetchval(self, query: str, *arguments: object, **options: object) -> Row:
        return await self._connection.fetchval(_checked(query), *arguments, **options)

    def __getattr__(self, name: str) -> Row:
        return getattr(self._connection, name)


def _checked(query: str) -> str:
    if _TRANSACTION_CONTROL.search(query):
        raise UsageError(
            "a step's transaction ends with the step: no COMMIT or ROLLBACK through ctx.sql (raise Reject to undo it)"
        )
    return query


Beat = Callable[[Claim, "asyncio.Task[None] | None", Json], Awaitable[None]]


class Context:
    """The saga's side of a running handler."""

    __slots__ = ("_beat", "_connection", "_log", "_task", "_work", "step")

    def __init__(
        self, claim: Claim, step: str, beat: Beat | None = None, task: asyncio.Task[None] | None = None
    ) -> None:
        self.step = step
        self._work = claim
        self._beat = beat
        # Weak, because the variables of the task hold this context: a cycle would be left to the garbage collector.
        self._task = None if task is None else weakref.ref(task)
        self._connection: Connection = None
        self._log: Logger | None = None

    @property
    def saga_id(self) -> UUID:
        return self._work.saga

    @property
    def attempt(self) -> int:
        """Which try this is, from 1."""
        return self._work.deliveries

    @property
    def operation(self) -> Operation:
        """EXECUTE or COMPENSATE."""
        return self._work.operation

    @property
    def deadline(self) -> float | None:
        """Of the saga, in seconds since the epoch on the store's clock; None where it has none."""
        return self._work.state.deadline

    @property
    def last_progress(self) -> Json:
        """What the attempt before noted with its last heartbeat; None where it noted nothing."""
        return None if self._work.progress is None else from_json(self._work.progress)

    @property
    def traceparent(self) -> str | None:
        """The W3C trace context of the caller that started the saga, the same in every step; None where it had none."""
        return self._work.trace

    def use(self, connection: Connection) -> None:
        """The step's transaction has begun on this connection. Called by the framework."""
        self._connection = connection

    @property
    def idempotency_key(self) -> str:
        """The one key of this step and direction (a UUIDv5 of saga, step and operation)."""
        return str(idempotency_key(self.saga_id, step_path(self.step, ()), self.operation))

    @property
    def sql(self) -> GuardedConnection:
        """A connection on the step's transaction: what is written through it happens exactly once.

        Raises:
            UsageError: an external step has no transaction.
        """
        return GuardedConnection(self._joined())

    def session(self) -> AbstractAsyncContextManager[AsyncSession]:
        """A SQLAlchemy session on the step's transaction: `async with ctx.session() as session`. It is flushed at the end.

        Raises:
            UsageError: an external step has no transaction.
            MissingDriver: SQLAlchemy is not installed.
        """
        return session_on(self._joined())

    def _joined(self) -> Connection:
        if self._connection is None:
            raise UsageError(
                f"step {self.step} is external: it has no transaction (give its Participant a database=...)"
            )
        return self._connection

    @property
    def log(self) -> Logger:
        """A structlog logger with saga and step bound."""
        if self._log is None:
            self._log = structlog.get_logger("saga.handler").bind(
                saga=str(self.saga_id), step=self.step, attempt=self.attempt
            )
        return self._log

    async def heartbeat(self, progress: Json = None) -> None:
        """Say that a long step is alive, and keep a note of how far it is (JSON) for the next attempt.

        Raises:
            asyncio.CancelledError: the step is not wanted any more (rolled back, or taken over).
        """
        if self._beat is not None:
            await self._beat(self._work, None if self._task is None else self._task(), progress)


current_step: ContextVar[Context | None] = ContextVar("current_step", default=None)
"""What this task runs: for logs, which then say the saga and the step by themselves."""
