"""Driver errors become Saga's, once, at this edge: no type of asyncpg crosses a port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from saga.errors import AccessRefused, InputRefused, SchemaMismatch, Unavailable

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
    asyncpg.IdleInTransactionSessionTimeoutError,
)


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Map driver errors. `place` names the database (without its password) in the message."""
    try:
        yield
    except REFUSED as error:
        raise AccessRefused(f"{place} answers but refuses: {error}. Check user, password and database of the URL.") from error
    except NO_SCHEMA as error:
        raise SchemaMismatch(f"{place} has not the tables that this build needs ({error}). Run `saga migrate`.") from error
    except TRANSIENT as error:
        reason = str(error) or type(error).__name__
        raise Unavailable(f"{place} cannot be reached or broke off: {reason}") from error
    except asyncpg.PostgresError as error:
        raise InputRefused(f"{place} refuses the data: {error}") from error
