"""The transactions that `start(tx=...)` takes: a saga starts in the transaction of its caller."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from saga.errors import UsageError


class DriverTransaction(Protocol):
    """A connection of the store's driver in a transaction: asyncpg's, a pool's proxy of one, or `ctx.sql`."""

    def is_in_transaction(self) -> bool:
        """True if a transaction has begun on this connection."""


class AlchemyTransaction(Protocol):
    """SQLAlchemy's `AsyncSession` or `AsyncConnection`."""

    def in_transaction(self) -> bool:
        """True if a transaction has begun."""

    def close(self) -> Awaitable[None]:
        """Closes it. Awaited, unlike the one of SQLAlchemy's sync classes."""


CallerTransaction = DriverTransaction | AlchemyTransaction


def not_a_transaction(given: object, takes: str) -> UsageError:
    """The error for an object that no saga can start in. `takes`: what to pass instead."""
    kind = type(given)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return UsageError(f"tx cannot be a {name}. It takes {takes}")
