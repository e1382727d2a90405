"""The settings that our statements rely on, whatever defaults the server, the database or the role has.

Two stay as they are. With `default_transaction_read_only` a primary that was replaced refuses writes, which would be lost there.
`synchronous_commit` is the choice of the operator; `saga doctor` judges it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import asyncpg

CONNECT_TIMEOUT_SECONDS: Final = 10.0
COMMAND_TIMEOUT_SECONDS: Final = 30.0
KEEPALIVE: Final = {"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "3"}
PINNED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "TimeZone": "UTC",
        "DateStyle": "ISO, YMD",
        "default_transaction_isolation": "read committed",  # a decision is taken again on the row as it is
        "row_security": "off",  # a policy is an error, not a row that nobody sees
        "array_nulls": "on",
        "jit": "off",
        "statement_timeout": str(int(COMMAND_TIMEOUT_SECONDS * 1000)),
        "lock_timeout": "0",
        "idle_session_timeout": "0",
    }
)
"""The settings of the framework's own sessions."""

_LOST: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,  # 57P01-05: shut down, crash, starting
    asyncpg.ReadOnlySQLTransactionError,
)
_ANSWERS: Final = (asyncpg.QueryCanceledError, ValueError)  # of the classes above: 57014, and asyncpg's own DataError


def search_path(schema: str) -> str:
    """The search path for statements on the tables of a schema. Temporary tables are last: unnamed they come first."""
    return f'"{schema}", pg_temp'


def is_read_only(connection: asyncpg.Connection[asyncpg.Record]) -> bool:
    """Returns whether the server said, with its last answer, that it takes no writes: a standby, or a primary that was replaced."""
    settings: Any = connection.get_settings()
    return "on" in (
        getattr(settings, "default_transaction_read_only", "off"),
        getattr(settings, "in_hot_standby", "off"),
    )


def is_of_lost_server(error: BaseException) -> bool:
    """Returns whether a statement's error means that the server is lost to all sessions: it has gone, goes, or takes no more writes."""
    return isinstance(error, _LOST) and not isinstance(error, _ANSWERS)
