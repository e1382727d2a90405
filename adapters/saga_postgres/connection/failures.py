"""Driver errors become Saga's, once, at this edge: no type of asyncpg crosses a port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from saga.errors import AccessRefused, InputRefused, SchemaMismatch, Unavailable, UsageError

REFUSED: Final = (
    asyncpg.InvalidPasswordError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
)
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
TRANSIENT: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # raised at a COMMIT whose answer was cut off
    asyncpg.OperatorInterventionError,  # 57P01-03: shut down, crash, starting
    asyncpg.InsufficientResourcesError,  # 53300: too many connections; disk full
    asyncpg.TransactionRollbackError,  # 40001, 40P01
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,  # a standby, in the middle of a failover
    asyncpg.PostgresSystemError,  # 58: its disk
    asyncpg.IdleInTransactionSessionTimeoutError,
)


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Map driver errors. `place` names the database (without its password) in the message."""
    try:
        yield
    except Exception as error:
        translate(error, place)
        raise


def translate(error: Exception, place: str) -> None:
    """Raise the error of Saga that an error of the driver stands for; return where it is none of the driver's."""
    if isinstance(error, REFUSED):
        raise AccessRefused(
            f"{place} answers but refuses ({_reason(error)}): check user, password and database of the URL"
        ) from error
    if isinstance(error, NO_SCHEMA):
        raise SchemaMismatch(
            f"{place} has not the tables that this build needs ({_reason(error)}): run `saga migrate`"
        ) from error
    if isinstance(error, POOLED) or (
        isinstance(error, asyncpg.ProtocolViolationError) and "startup parameter" in str(error)  # PgBouncer's words
    ):
        raise pooled(place) from error
    if isinstance(error, asyncpg.ProtocolViolationError):
        raise Unavailable(f"{place} broke off: {_reason(error)}") from error
    if isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError):  # asyncpg's own DataError
        raise InputRefused(f"{place} cannot take the data: {_reason(error)}") from error
    if isinstance(error, TRANSIENT):
        raise Unavailable(
            f"{place} cannot be reached or broke off ({_reason(error)}): "
            "check that the server runs, and host and port of the URL"
        ) from error
    if isinstance(error, asyncpg.PostgresError):
        raise InputRefused(f"{place} refuses the data: {_reason(error)}") from error


def pooled(place: str) -> UsageError:
    """What to say of a pooler that takes sessions away."""
    return UsageError(
        f"{place} is a pooler (PgBouncer in transaction mode?), which takes away what sessions need, "
        "settings, locks and LISTEN: use the server's own address"
    )


def _reason(error: BaseException) -> str:
    """The error's first line: the server's hints and details are on others."""
    return (str(error) or type(error).__name__).partition("\n")[0]
