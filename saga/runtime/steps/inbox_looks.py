"""Looks into the inbox for many waits at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

from saga.ports.inbox import Inbox, InboxEvent


class InboxLooks:
    """Asks for all that is wanted at a moment by one query. While it is under way, what is wanted next gathers for the next one."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._asked: list[tuple[UUID, Sequence[str], asyncio.Future[InboxEvent | None]]] = []
        self._looking = asyncio.Lock()

    async def first(self, saga: UUID, names: Sequence[str]) -> InboxEvent | None:
        """Finds the event of a saga that was sent first under one of these names, and that no step has consumed. Raises Unavailable."""
        future: asyncio.Future[InboxEvent | None] = asyncio.get_running_loop().create_future()
        self._asked.append((saga, names, future))
        async with self._looking:
            if not future.done():
                await self._look()
        return await future

    async def _look(self) -> None:
        asked, self._asked = self._asked, []
        try:
            found = await self._inbox.first([(saga, names) for saga, names, _ in asked])
        except Exception as error:  # noqa: BLE001 (raised to each that asked)
            for _, _, future in asked:
                if not future.done():
                    future.set_exception(error)
            return
        except BaseException:  # this one was cancelled; the others still want to know
            self._asked = [each for each in asked if not each[2].done()] + self._asked
            raise
        for (_, _, future), event in zip(asked, found, strict=True):
            if not future.done():
                future.set_result(event)
