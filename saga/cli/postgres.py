"""A plain connection to a PostgreSQL server, for commands that change tables or databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg

from saga_postgres.connection.failures import translated
from saga_postgres.connection.pool import Connection, place_of
from saga_postgres.connection.session import CONNECT_TIMEOUT_SECONDS


def is_postgres(url: str) -> bool:
    return urlsplit(url).scheme in {"postgresql", "postgres"}


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
