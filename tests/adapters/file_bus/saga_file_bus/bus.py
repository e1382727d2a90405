"""The bus port over a spool folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from saga.errors import Closed
from saga.ports.bus import Delivery, Message, Subscription
from saga_file_bus.spool import Spool, translated

POLL_SECONDS: Final = 0.02
BURY_SECONDS: Final = 1.0  # how soon the deliveries of a dead member come again


@dataclass(frozen=True, slots=True)
class FileDelivery:
    """See `saga.ports.bus.Delivery`. `path` is the file of the message, claimed by the member."""

    path: Path
    message: Message


class FileBus:
    """See `saga.ports.bus.Bus`.

    Delivery: what was published survives the processes, not the machine (nothing is forced to the disk). Ordering:
    none, oldest first as a rule. Idempotence: none. Cancellation: nothing here can be interrupted but the waiting.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._is_closed = False

    async def ensure(self, topics: Sequence[str], group: str) -> None:
        self._check_open()
        with translated():
            self._spool.ensure(topics, group)

    async def publish(self, messages: Sequence[Message]) -> None:
        self._check_open()
        with translated():
            self._spool.publish(messages)

    @asynccontextmanager
    async def subscribe(self, topics: Sequence[str], group: str, *, limit: int) -> AsyncIterator[Subscription]:
        await self.ensure(topics, group)
        with translated():
            member, lock = self._spool.join()
        try:
            yield FileSubscription(self._spool, tuple(topics), group, member, limit)
        finally:
            with translated():
                self._spool.leave(member, lock)

    async def close(self) -> None:
        self._is_closed = True

    def _check_open(self) -> None:
        if self._is_closed:
            raise Closed("this file bus is closed")


class FileSubscription:
    """See `saga.ports.bus.Subscription`."""

    def __init__(self, spool: Spool, topics: tuple[str, ...], group: str, member: str, limit: int) -> None:
        self._spool = spool
        self._topics = topics
        self._group = group
        self._member = member
        self._limit = limit

    def __aiter__(self) -> AsyncIterator[Sequence[Delivery]]:
        return self

    async def __anext__(self) -> Sequence[Delivery]:
        polls = 0
        while True:
            with translated():
                if polls % int(BURY_SECONDS / POLL_SECONDS) == 0:
                    self._spool.bury_dead()
                taken = self._spool.take(self._topics, self._group, self._member, self._limit)
            if taken:
                return [FileDelivery(path, message) for path, message in taken]
            polls += 1
            await asyncio.sleep(POLL_SECONDS)

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        with translated():
            for delivery in deliveries:
                if isinstance(delivery, FileDelivery):
                    delivery.path.unlink(missing_ok=True)
