"""The context of a running handler: its saga, its transaction, its heartbeat."""

from __future__ import annotations

import asyncio
import weakref
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from pydantic_core import from_json

from saga.core.definition.json_value import Json
from saga.core.ids import idempotency_key, step_path
from saga.core.state.operation import Operation
from saga.errors import UsageError
from saga.logger import Logger, get_logger
from saga.ports.store import Connection
from saga.ports.values.claim import Claim
from saga.runtime.handlers.completion_token import token_of
from saga.runtime.handlers.sqlalchemy_session import session_on

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

Row = Any  # what the driver returns


class GuardedConnection:
    """A connection in the step's transaction, with everything of asyncpg's connection except ending the transaction: the step does that."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def is_in_transaction(self) -> bool:
        """True while the step's transaction goes on."""
        return bool(self._connection.is_in_transaction())

    def unguarded(self) -> Connection:
        """The driver's connection. Called by the framework."""
        return self._connection

    async def execute(self, query: str, *arguments: object, **options: object) -> Row:
        """Runs a statement; returns its command tag."""
        return await self._connection.execute(query, *arguments, **options)

    async def fetch(self, query: str, *arguments: object, **options: object) -> Row:
        """Runs a query; returns all its rows."""
        return await self._connection.fetch(query, *arguments, **options)

    async def fetchrow(self, query: str, *arguments: object, **options: object) -> Row:
        """Runs a query; returns its first row, or None."""
        return await self._connection.fetchrow(query, *arguments, **options)

    async def fetchval(self, query: str, *arguments: object, **options: object) -> Row:
        """Runs a query; returns the first column of its first row, or None."""
        return await self._connection.fetchval(query, *arguments, **options)

    def __getattr__(self, name: str) -> Row:
        return getattr(self._connection, name)


class HeartbeatSender(Protocol):
    """Renews the claim of a running handler. Implemented by `saga.runtime.claims.claim_heartbeat.ClaimHeartbeat`."""

    async def send(self, claim: Claim, task: asyncio.Task[None] | None, progress: Json) -> None:
        """Renews the lease and notes the progress."""


class Context:
    """Gives a running handler the facts of its saga, and a connection in the step's transaction."""

    __slots__ = ("_claim", "_completion_key", "_connection", "_heartbeat", "_log", "_task", "step")

    def __init__(
        self,
        claim: Claim,
        step: str,
        heartbeat: HeartbeatSender | None = None,
        task: asyncio.Task[None] | None = None,
    ) -> None:
        self.step: str = step
        self._claim = claim
        self._heartbeat = heartbeat
        # Weak, because the variables of the task hold this context: a cycle would be left to the garbage collector.
        self._task = None if task is None else weakref.ref(task)
        self._connection: Connection = None
        self._completion_key: bytes | None = None
        self._log: Logger | None = None

    @property
    def saga_id(self) -> UUID:
        """The saga that this step belongs to."""
        return self._claim.saga

    @property
    def attempt(self) -> int:
        """The number of times that this command was handed to a process, from 1.

        An attempt that answered `NotYet` is not counted; one whose process died is, even before its handler was called. A
        compensation, and a retry by an operator, begin at 1.
        """
        return self._claim.deliveries

    @property
    def operation(self) -> Operation:
        """EXECUTE or COMPENSATE."""
        return self._claim.operation

    @property
    def deadline(self) -> float | None:
        """The deadline of the saga, in seconds since the epoch on the store's clock, or None.

        During a rollback it is the end of the compensation budget.
        """
        return self._claim.state.deadline

    @property
    def last_progress(self) -> Json:
        """The progress that the previous attempt noted with its last heartbeat, or None."""
        return None if self._claim.progress is None else from_json(self._claim.progress)

    @property
    def traceparent(self) -> str | None:
        """The W3C trace context of the caller that started the saga, the same in every step, or None."""
        return self._claim.trace

    def use(self, connection: Connection) -> None:
        """The step's transaction has begun on this connection. Called by the framework."""
        self._connection = connection

    @property
    def idempotency_key(self) -> str:
        """The same key for every attempt of this step and operation (a UUIDv5 of saga, step and operation)."""
        return str(idempotency_key(self.saga_id, step_path(self.step, ()), self.operation))

    @property
    def token(self) -> str:
        """The token with which `sagas.complete`, `reject` or `fail` ends this step after the handler has raised `Pending`.

        It is printable ASCII of at most 64 characters. Each attempt has its own, and those of earlier attempts stay valid: whichever comes
        first completes the step. It is enough to complete the step: treat it as a password.

        Raises:
            UsageError: the step is not external, or is being compensated or probed.
        """
        if self._completion_key is None:
            raise UsageError(
                f"step {self.step} has no token: only the handler of an external step gets one, and not its compensation"
            )
        return token_of(self._claim, self._completion_key)

    def be_completable(self, key: bytes) -> None:
        """The handler may raise `Pending`. `key` makes its token. Called by the framework."""
        self._completion_key = key

    @property
    def sql(self) -> GuardedConnection:
        """A connection in the step's transaction: what is written through it happens exactly once.

        Raises:
            UsageError: an external step has no transaction.
        """
        return GuardedConnection(self._joined())

    def session(self) -> AbstractAsyncContextManager[AsyncSession]:
        """A SQLAlchemy session in the step's transaction: `async with ctx.session() as session`. It is flushed at the end.

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
            self._log = get_logger("saga.handler").bind(saga=str(self.saga_id), step=self.step, attempt=self.attempt)
        return self._log

    async def heartbeat(self, progress: Json = None) -> None:
        """Renews the lease of a long step, and notes its progress (JSON) for the next attempt.

        Raises:
            UsageError: the progress is not JSON, or has more than 64 KiB.
            asyncio.CancelledError: the step is no longer wanted (rolled back, or taken over).
        """
        if self._heartbeat is not None:
            await self._heartbeat.send(self._claim, None if self._task is None else self._task(), progress)


current_step: ContextVar[Context | None] = ContextVar("current_step", default=None)
"""The step that this task runs, so that log lines can name its saga and step."""
