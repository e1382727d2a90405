"""Detects a pooler in transaction mode in front of a server: it silently breaks session locks and LISTEN."""

from __future__ import annotations

import secrets
from typing import TypeAlias

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_MARK = "select set_config('saga.probe', $1, false)"
_READ = "select current_setting('saga.probe', true)"


async def is_pooled(first: Connection, second: Connection) -> bool:
    """Finds out whether `first` loses its server session to `second`. Both are connected to one address, idle and outside a transaction.

    A pooler in transaction mode gives `first` another server session as soon as `second` occupies the one that it had.
    """
    mark = secrets.token_hex(8)
    await first.execute(_MARK, mark)
    async with second.transaction():
        taken: str | None = await second.fetchval(_READ)
        return taken == mark or await first.fetchval(_READ) != mark


async def is_pooled_at(url: str, *, timeout_seconds: float) -> bool:
    """The same for a URL, with two connections of its own. Raises errors of the driver.

    Without the cache of prepared statements, which would fail behind a pooler before the check is made.
    """
    first = await asyncpg.connect(url, timeout=timeout_seconds, statement_cache_size=0)
    try:
        second = await asyncpg.connect(url, timeout=timeout_seconds, statement_cache_size=0)
        try:
            return await is_pooled(first, second)
        finally:
            second.terminate()
    finally:
        first.terminate()
