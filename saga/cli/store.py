"""The store, for commands that look or act and are gone again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from saga.app import open_adapter
from saga.errors import NotFound, UsageError
from saga.ports.adapter import StoreAdapter
from saga.settings import Settings


@asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[StoreAdapter]:
    """The store without joining the processes: looking leaves no trace."""
    adapter = open_adapter(settings, "saga cli")
    try:
        await adapter.open()
        yield adapter
    finally:
        await adapter.close()


async def saga_of(adapter: StoreAdapter, reference: str) -> UUID:
    """The saga that a person means: its id, or definition:key.

    Raises:
        NotFound: nothing was started with this key.
        UsageError: it is neither an id nor a key.
    """
    try:
        return UUID(reference)
    except ValueError:
        definition, colon, key = reference.partition(":")
    if not colon:
        raise UsageError(f"{reference!r} is no saga: say its id, or DEFINITION:KEY with the key it was started with")
    found = await adapter.ledger.find_key(definition, key)
    if found is None:
        raise NotFound(f"no saga of {definition!r} was started with the key {key!r}")
    return found
