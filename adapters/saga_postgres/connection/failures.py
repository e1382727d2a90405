"""Maps errors of asyncpg to errors of Saga, here and nowhere else: no type of the driver crosses a port."""

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
    asyncpg.InternalClientError,  # raised at a COMMIT whose answer was lost
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
    """Raises the error of Saga that an error of the driver means; return if it is not an error of the driver."""
    if isinstance(error, REFUSED):
        raise AccessRefused(
            f"{place} answers but refuses ({_reason(error)}): check user, password and database of the URL"
        ) from error
    if isinstance(error, NO_SCHEMA):
        raise SchemaMismatch(
            f"{place} lacks the tables or functions this build needs ({_reason(error)}): run `saga migrate`"
        ) from error
    if isinstance(error, POOLED) or (
        isinstance(error, asyncpg.ProtocolViolationError) and "startup parameter" in str(error)  # PgBouncer's words
    ):
        raise pooled(place) from error
    if isinstance(error, asyncpg.ProtocolViolationError):
        raise Unavailable(f"{place} ended the connection: {_reason(error)}") from error
    if isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError):  # asyncpg's own DataError
        raise InputRefused(f"{place} cannot store the data: {_reason(error)}") from error
    if isinstance(error, TRANSIENT):
        raise Unavailable(
            f"{place} cannot be reached or ended the connection ({_reason(error)}): "
            "check that the server runs, and host and port in the URL"
        ) from error
    if isinstance(error, asyncpg.PostgresError):
        raise InputRefused(f"{place} refuses the data: {_reason(error)}") from error


def pooled(place: str) -> UsageError:
    """The error for a pooler that does not keep sessions."""
    return UsageError(
        f"{place} is a pooler (PgBouncer in transaction mode?), behind which session settings, locks and LISTEN "
        "do not work: use the address of the server itself"
    )


def _reason(error: BaseException) -> str:
    """The first line of the error, without the server's hints and details."""
    return (str(error) or type(error).__name__).partition("\n")[0]
