"""Maps errors of asyncpg to errors of Saga, here and nowhere else: no type of the driver crosses a port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from saga.errors import AccessRefused, InputRefused, Locked, SchemaMismatch, ServerFailed, Unavailable, UsageError

REFUSED: Final = (
    asyncpg.InvalidPasswordError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
)
NO_CONNECTION_LEFT: Final = ("no more connections allowed", "query_wait_timeout")
"""PgBouncer's words where a server would answer with an error of class 53: it has no connection left."""
MORE_CONNECTIONS: Final = (
    "a process needs at least 2; raise max_connections or the role's CONNECTION LIMIT, or run fewer processes"
)
"""The way out where a server refuses one connection more."""
_UNKNOWN_OPTION: Final = "unrecognized configuration parameter"
NO_SCHEMA: Final = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedFunctionError,
    asyncpg.UndefinedColumnError,
    asyncpg.InvalidSchemaNameError,
)
POOLED: Final = (
    asyncpg.DuplicatePreparedStatementError,
    asyncpg.InvalidSQLStatementNameError,
)
FINAL_CLASSES: Final = ("22", "23")
"""The SQLSTATE classes that blame the data: a data exception, or a violated constraint. Only these are final for an outcome."""
CANNOT_BE_REACHED: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # raised at a COMMIT whose answer was lost
    asyncpg.OperatorInterventionError,  # 57: shut down, starting, cancelled by a statement timeout
    asyncpg.InsufficientResourcesError,  # 53: too many connections, disk full, out of memory
    asyncpg.TransactionRollbackError,  # 40: deadlock, serialization
    asyncpg.InvalidTransactionStateError,  # 25: read-only after a failover, idle for too long, aborted
    asyncpg.PostgresSystemError,  # 58: its disk
)
"""Errors that say something about the server at this moment. The others of `ServerFailed` may come from one statement's data alone."""


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Map driver errors. `place` names the database (without its password) in the message."""
    try:
        yield
    except Exception as error:
        translate(error, place)
        raise


def translate(error: Exception, place: str) -> None:
    """Raises the error of Saga that an error of the driver means; returns if it is not an error of the driver.

    InputRefused: the data is to blame, see `is_final`. AccessRefused, SchemaMismatch, UsageError: an operator must act.
    Locked: another transaction holds a lock. Unavailable, ServerFailed: everything else.
    """
    if isinstance(error, REFUSED):
        raise AccessRefused(
            f"{place} answers but refuses ({reason_of(error)}): check user, password and database of the URL"
        ) from error
    if isinstance(error, asyncpg.ClientConfigurationError) or _UNKNOWN_OPTION in str(error):
        raise UsageError(f"{place} cannot be used with the options in the URL: {reason_of(error)}") from error
    if isinstance(error, NO_SCHEMA):
        raise SchemaMismatch(
            f"{place} lacks the tables or functions this build needs ({reason_of(error)}): run `saga migrate`"
        ) from error
    if isinstance(error, POOLED) or (
        isinstance(error, asyncpg.ProtocolViolationError) and "startup parameter" in str(error)  # PgBouncer's words
    ):
        raise pooled(place) from error
    if is_final(error):
        raise InputRefused(f"{place} cannot store the data: {reason_of(error)}") from error
    if isinstance(error, asyncpg.LockNotAvailableError):
        raise Locked(
            f"{place} answers, but an open transaction holds a lock for too long ({reason_of(error)}): "
            "find it in pg_stat_activity, and end it"
        ) from error
    if isinstance(error, (*CANNOT_BE_REACHED, asyncpg.ProtocolViolationError)):
        raise _unavailable(place, error) from error
    if isinstance(error, asyncpg.PostgresError):
        raise ServerFailed(
            f"{place} failed (SQLSTATE {error.sqlstate}: {reason_of(error)}): it is tried again; see the log of the server"
        ) from error


def is_refusal(error: BaseException) -> bool:
    """Returns whether a server that works has refused one connection more."""
    return isinstance(error, asyncpg.TooManyConnectionsError) or (
        isinstance(error, asyncpg.PostgresError) and any(words in str(error) for words in NO_CONNECTION_LEFT)
    )


def is_final(error: Exception) -> bool:
    """Returns whether an error blames the data, so that the same data is refused again.

    After any other error the outcome is unknown and looked at again, also after a COMMIT.
    """
    if isinstance(error, asyncpg.PostgresError):
        # A check without a name is the bound of a partition: a day of the history was attached while the row was on its way elsewhere
        is_misrouted = isinstance(error, asyncpg.CheckViolationError) and error.constraint_name is None
        return str(error.sqlstate)[:2] in FINAL_CLASSES and not is_misrouted
    return isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError)  # the driver's own DataError


def pooled(place: str) -> UsageError:
    """The error for a pooler that does not keep sessions."""
    return UsageError(
        f"{place} is a pooler (PgBouncer in transaction mode?), behind which session settings, locks and LISTEN "
        "do not work: use the address of the server itself"
    )


def _unavailable(place: str, error: Exception) -> Unavailable:
    reason = reason_of(error)
    if is_refusal(error):
        return Unavailable(f"{place} gives this process no connection ({reason}): {MORE_CONNECTIONS}")
    if isinstance(error, asyncpg.ProtocolViolationError):
        return Unavailable(f"{place} ended the connection: {reason}")
    return Unavailable(
        f"{place} cannot be reached or does not do its work ({reason}): "
        "check that the server runs, and host and port in the URL"
    )


def reason_of(error: BaseException) -> str:
    """The first line of the error, without the server's hints and details."""
    return (str(error) or type(error).__name__).partition("\n")[0]
