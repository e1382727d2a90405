"""Finds out whether a connection leads to the store's database, however its URL is written: the servers are asked."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg

from saga_postgres.connection.failures import translated
from saga_postgres.connection.pool import Pool
from saga_postgres.connection.session import CONNECT_TIMEOUT_SECONDS
from saga_postgres.connection.url import is_postgres, place_of

_LOCK: Final = "select pg_advisory_xact_lock($1)"
_TRY: Final = "select pg_try_advisory_xact_lock($1)"


async def is_same_database(pool: Pool, url: str) -> bool:
    """Tells whether a URL leads to the database of this pool.

    Raises:
        UsageError: the URL is malformed.
        Unavailable, AccessRefused: one of the two databases cannot be asked.
    """
    if url == pool.url or not is_postgres(url):
        return url == pool.url
    place = place_of(url)
    with translated(place):
        other = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_SECONDS, statement_cache_size=0)

    async def ask(query: str, key: int) -> bool:
        with translated(place):
            return bool(await other.fetchval(query, key))

    try:
        return await shares_database(pool, ask)
    finally:
        other.terminate()


async def shares_database(pool: Pool, ask: Callable[[str, int], Awaitable[bool]]) -> bool:
    """Tells whether a connection sees a lock that a session of this pool holds. `ask` runs a query on it, and raises errors of Saga.

    Sessions share advisory locks only within one database of one running server: a copy of the server, or its standby, has its own.
    """
    key = secrets.randbits(63)
    async with pool.connection() as own, own.transaction():
        await own.execute(_LOCK, key)
        return not await ask(_TRY, key)
