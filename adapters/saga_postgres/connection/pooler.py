"""Whether a pooler in transaction mode stands in front of a server: it breaks session locks and LISTEN in silence."""

from __future__ import annotations

import secrets

import asyncpg

from saga_postgres.connection.pool import Connection

_MARK = "select set_config('saga.probe', $1, false)"
_READ = "select current_setting('saga.probe', true)"


async def is_pooled(first: Connection, second: Connection) -> bool:
    """Whether `first` loses its session to `second`. Both are clients of one address, idle, outside a transaction.

    A pooler in transaction mode lends `first` another server session as soon as `second` sits on the one that it had.
    """
    mark = secrets.token_hex(8)
    await first.execute(_MARK, mark)
    async with second.transaction():
        taken: str | None = await second.fetchval(_READ)
        return taken == mark or await first.fetchval(_READ) != mark


async def is_pooled_at(url: str, *, timeout_seconds: float) -> bool:
    """The same for a URL, with two connections of its own. Driver errors leave as they are.

    The cache of prepared statements is off: through a pooler it would fail before the question is asked.
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
