"""The timeout of everything that the suites wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

TIMEOUT_SECONDS: Final = 20.0

Value = TypeVar("Value")


async def soon(awaitable: Awaitable[Value], *, seconds: float = TIMEOUT_SECONDS) -> Value:
    """Waits for an event that must come, at most this long."""
    async with asyncio.timeout(seconds):
        return await awaitable
