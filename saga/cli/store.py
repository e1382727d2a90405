"""The store, for commands that read or act and then end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from saga.app import open_adapter
from saga.ports.adapter import StoreAdapter
from saga.settings import Settings


@asynccontextmanager
async def opened_store(settings: Settings) -> AsyncIterator[StoreAdapter]:
    """The store, without joining its processes: reading leaves no trace."""
    adapter = open_adapter(settings, "saga cli")
    try:
        await adapter.open()
        yield adapter
    finally:
        await adapter.close()
