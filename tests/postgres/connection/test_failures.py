"""A table of all SQLSTATE classes: the errors of a database that are final for what was written, and the others."""

from __future__ import annotations

import inspect
from typing import Final

import asyncpg
import pytest

from saga.errors import (
    AccessRefused,
    InputRefused,
    Locked,
    SagaError,
    SchemaMismatch,
    ServerFailed,
    Unavailable,
    UsageError,
)
from saga_postgres.connection.failures import translate

OF_CLASS: Final = {
    "02": ServerFailed, "03": ServerFailed, "08": Unavailable, "09": ServerFailed, "0A": ServerFailed, "0B": ServerFailed,
    "0F": ServerFailed, "0L": ServerFailed, "0P": ServerFailed, "0Z": ServerFailed, "10": ServerFailed, "20": ServerFailed,
    "21": ServerFailed, "22": InputRefused, "23": InputRefused, "24": ServerFailed, "25": Unavailable, "26": ServerFailed,
    "27": ServerFailed, "28": AccessRefused, "2B": ServerFailed, "2D": ServerFailed, "2F": ServerFailed, "34": ServerFailed,
    "38": ServerFailed, "39": ServerFailed, "3B": ServerFailed, "3D": AccessRefused, "3F": SchemaMismatch,
    "40": Unavailable, "42": ServerFailed, "44": ServerFailed, "53": Unavailable, "54": ServerFailed, "55": ServerFailed,
    "57": Unavailable, "58": Unavailable, "72": ServerFailed, "F0": ServerFailed, "HV": ServerFailed, "P0": ServerFailed,
    "XX": ServerFailed,
}  # fmt: skip
EXCEPTIONS: Final = {
    asyncpg.InvalidSQLStatementNameError: UsageError,  # a pooler in transaction mode
    asyncpg.DuplicatePreparedStatementError: UsageError,
    asyncpg.InsufficientPrivilegeError: AccessRefused,
    asyncpg.UndefinedTableError: SchemaMismatch,
    asyncpg.UndefinedFunctionError: SchemaMismatch,
    asyncpg.UndefinedColumnError: SchemaMismatch,
    asyncpg.LockNotAvailableError: Locked,
}


def server_errors() -> list[type[asyncpg.PostgresError]]:
    found = (kind for _, kind in inspect.getmembers(asyncpg.exceptions, inspect.isclass))
    return [kind for kind in found if issubclass(kind, asyncpg.PostgresError) and kind.sqlstate]


def meaning(error: Exception) -> SagaError:
    with pytest.raises(SagaError) as failure:
        translate(error, "postgres at h:1/d")
    assert str(failure.value).startswith("postgres at h:1/d ")
    return failure.value


@pytest.mark.parametrize("kind", server_errors(), ids=lambda kind: f"{kind.sqlstate}-{kind.__name__}")
def test_only_classes_22_and_23_are_final(kind: type[asyncpg.PostgresError]) -> None:
    raised = kind("no")
    raised.constraint_name = "a constraint of the table"
    error = meaning(raised)

    assert type(error) is EXCEPTIONS.get(kind, OF_CLASS[str(kind.sqlstate)[:2]])
    assert isinstance(error, InputRefused) == (str(kind.sqlstate)[:2] in {"22", "23"})


@pytest.mark.parametrize(
    ("error", "means"),
    [
        (ConnectionResetError(), Unavailable),
        (TimeoutError(), Unavailable),
        (asyncpg.InterfaceError("cannot perform operation: connection is closed"), Unavailable),
        (asyncpg.InternalClientError("unexpected end of the connection"), Unavailable),
        (asyncpg.exceptions.ClientConfigurationError("invalid sslmode"), UsageError),
        (asyncpg.exceptions._base.DataError("invalid input for query argument $1"), InputRefused),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_errors_of_the_driver_are_final_only_if_they_blame_the_data(error: Exception, means: type[SagaError]) -> None:
    assert type(meaning(error)) is means


def test_an_error_of_somebody_else_is_not_translated() -> None:
    translate(KeyError("no error of the driver"), "postgres at h:1/d")
