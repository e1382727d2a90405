"""A plain connection to a PostgreSQL server, for commands that change tables or databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg

from saga import registry
from saga.errors import UsageError
from saga_postgres.connection.failures import translated
from saga_postgres.connection.pool import Connection
from saga_postgres.connection.session import CONNECT_TIMEOUT_SECONDS
from saga_postgres.connection.url import is_postgres, place_of


def check_postgres(url: str, purpose: str) -> None:
    """Returns if this is the URL of a PostgreSQL.

    Raises:
        UsageError: it is another URL; begins with `purpose`, and says what to write where the scheme is unknown.
    """
    if not is_postgres(url):
        registry.check_scheme(registry.STORE, url)
        raise UsageError(f"{purpose}, not {urlsplit(url).scheme}://")


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """A connection of its own. Errors of the driver, also those of the block, are raised as Saga's.

    Raises:
        Unavailable, AccessRefused: the server cannot be reached, or refuses us.
    """
    with translated(place_of(url)):
        connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_SECONDS)
        try:
            yield connection
        finally:
            connection.terminate()
