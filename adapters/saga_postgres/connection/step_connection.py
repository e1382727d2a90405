"""A session that is lent to the handlers of steps, one at a time, each in a transaction that it cannot end.

The server itself guards the transaction. It computes a cursor WITH HOLD at COMMIT, and this one cannot be computed: a COMMIT of the
handler, in any form, fails and rolls the transaction back. The framework closes the cursor before its own COMMIT. If the cursor is not
there, that fails too: the transaction is not the one that was begun. This costs no round trip.

The session is reset in the round trip of the COMMIT: settings, roles, locks and temporary tables of a handler end with its step.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import asyncpg

from saga.errors import AccessRefused, TransactionEnded, UsageError
from saga_postgres.connection.session import COMMAND_TIMEOUT_SECONDS

ENDED: Final = "a step's transaction ends with the step: its handler must not say COMMIT or ROLLBACK (raise Reject to undo its work)"
_GUARD: Final = (
    "declare saga_step no scroll cursor with hold for select pg_catalog.concat('{}')::pg_catalog.bool".format(
        ENDED.replace("'", "''")
    )
)
_RESET: Final = (
    "close all; unlisten *; reset session authorization; reset role; discard temp; discard sequences; reset all; "
    "select pg_catalog.pg_advisory_unlock_all()"
)
_COMMIT: Final = f"close saga_step; commit; {_RESET}"
_ROLL_BACK: Final = f"close saga_step; rollback; {_RESET}"
_ROLL_BACK_BROKEN: Final = f"rollback; {_RESET}"
_NOT_IN_TRANSACTION: Final = frozenset({"is_closed", "is_in_transaction", "get_settings"})
_CLIENT_SIDE: Final = frozenset(
    {"add_listener", "add_log_listener", "add_query_logger", "add_termination_listener", "set_builtin_type_codec"}
)
"""Methods that change the driver's object. No reset undoes that, so the session is not used again.

The same holds for PREPARE in SQL: DEALLOCATE ALL would take the driver's own statements with it.
"""
_TAKE_TEXT: Final = frozenset(
    {"execute", "executemany", "fetch", "fetchmany", "fetchrow", "fetchval", "prepare", "cursor"}
)
_PREPARE: Final = re.compile(r"\bprepare\b", re.IGNORECASE)


class StepConnection(asyncpg.Connection):
    """A session of a handler pool."""

    async def begin(self, options: str) -> None:
        """Begins the transaction of a step. Raises errors of the driver."""
        await self.execute(f"begin {options}; {_GUARD}", timeout=COMMAND_TIMEOUT_SECONDS)
        self._top_xact = self.transaction()  # the handler's own transactions are savepoints of this one

    async def commit(self) -> None:
        """Commits, and resets the session.

        Raises:
            UsageError: the transaction is not the one that was begun; nothing was committed.
        """
        self._top_xact = None  # type: ignore[assignment]
        try:
            await self.execute(_COMMIT, timeout=COMMAND_TIMEOUT_SECONDS)
        except asyncpg.InvalidCursorNameError:
            raise TransactionEnded(ENDED) from None

    async def roll_back(self) -> None:
        """Rolls back, and resets the session.

        Raises:
            UsageError: the transaction is not the one that was begun.
        """
        self._top_xact = None  # type: ignore[assignment]
        if not self.is_in_transaction():
            raise TransactionEnded(ENDED)
        try:
            await self.execute(_ROLL_BACK)
        except asyncpg.InvalidCursorNameError:
            raise TransactionEnded(ENDED) from None
        except asyncpg.InFailedSQLTransactionError:
            await self.execute(_ROLL_BACK_BROKEN)

    def disown(self) -> None:
        """From now on the prepared statements, cursors and transactions that were made with it raise the driver's InterfaceError."""
        self._pool_release_ctr += 1  # type: ignore[attr-defined] # as the driver's own pool does when a connection goes back


class LentConnection:
    """A connection as one handler has it: all methods of asyncpg's, until its step ends or it has ended the transaction."""

    def __init__(self, connection: StepConnection) -> None:
        self._con: StepConnection | None = connection  # called as in the proxies of the driver's own pool
        self._codecs: list[tuple[str, str]] = []
        self._is_altered = False

    def __getattr__(self, name: str) -> Any:
        connection = self._lent()
        if not connection.is_in_transaction() and not connection.is_closed() and name not in _NOT_IN_TRANSACTION:
            raise TransactionEnded(ENDED)
        self._is_altered |= name in _CLIENT_SIDE
        found = getattr(connection, name)
        return self._watched(found) if name in _TAKE_TEXT else found

    async def set_type_codec(self, typename: str, *, schema: str = "public", **options: Any) -> None:
        """Sets a codec as asyncpg does, until the step ends."""
        set_codec = self.__getattr__("set_type_codec")
        self._codecs.append((typename, schema))
        await set_codec(typename, schema=schema, **options)

    async def fetch_own(self, query: str, *values: object) -> list[Any]:
        """Runs a statement of ours in the handler's transaction.

        Raises:
            UsageError: the handler has ended the transaction.
            AccessRefused: the handler has taken another role, which may not write our tables.
        """
        await self.restore_codecs()
        try:
            rows: list[Any] = await self.fetch(query, *values, timeout=COMMAND_TIMEOUT_SECONDS)
        except asyncpg.InsufficientPrivilegeError as error:
            raise AccessRefused(
                f"the step cannot be recorded in its own transaction ({error}): a handler that has SET ROLE says RESET ROLE "
                "before it returns, or its role gets the rights on Saga's tables"
            ) from error
        return rows

    async def restore_codecs(self) -> None:
        """The driver's object reads and writes all types as it did before the step. Raises errors of the driver."""
        while self._codecs:
            typename, schema = self._codecs[-1]
            await self._lent().reset_type_codec(typename, schema=schema)
            self._codecs.pop()  # not before: in a failed transaction the statement of the reset fails

    def end(self) -> None:
        """From now on the handler cannot use the connection, nor what it has made of it. It is dropped if it was altered."""
        connection, self._con = self._con, None
        if connection is not None:
            connection.disown()
            if self._is_altered or self._codecs:
                connection.terminate()

    def _watched(self, run: Callable[..., Any]) -> Callable[..., Any]:
        def watched(query: str, *arguments: Any, **options: Any) -> Any:
            self._is_altered |= _PREPARE.search(query) is not None
            return run(query, *arguments, **options)

        return watched

    def _lent(self) -> StepConnection:
        if self._con is None:
            raise UsageError("the step has ended: its connection cannot be used any more")
        return self._con
