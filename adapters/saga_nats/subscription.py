"""A member of a consumer group: pulls ahead of its reader, and keeps what it holds from being delivered to others."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Final

from nats.aio.msg import Msg

from saga.errors import Closed, SagaError
from saga.ports.bus import Delivery, Message
from saga_nats.failures import translated
from saga_nats.link import Link
from saga_nats.message_format import unpack
from saga_nats.options import Options
from saga_nats.pull import Pull

IN_HAND_MAX: Final = 10_000
"""Maximum number of unacknowledged deliveries of a member; pulling pauses there."""
READY_BYTES_MAX: Final = 8 * 1024 * 1024
TICK_SECONDS: Final = 0.5
EXTENSIONS: Final = 3
"""The number of times that a delivery is extended within its ack_wait."""
HOLD_SECONDS: Final = 600.0
"""A reader that keeps a delivery for longer counts as stuck: it is not extended any more, and goes to another member."""
CLOSE_SECONDS: Final = 3.0
ACK: Final = b"+ACK"
NAK: Final = b"-NAK"
IN_PROGRESS: Final = b"+WPI"

_log = logging.getLogger(__name__)


class NatsDelivery:
    """See `saga.ports.bus.Delivery`."""

    __slots__ = ("_msg", "_topic", "arrived_at", "extended_at")

    def __init__(self, topic: str, msg: Msg) -> None:
        self._msg = msg
        self._topic = topic
        self.arrived_at = self.extended_at = time.monotonic()

    @property
    def message(self) -> Message:
        return unpack(self._topic, self._msg.data, self._msg.headers)

    @property
    def reply(self) -> str:
        return self._msg.reply

    @property
    def size(self) -> int:
        return len(self._msg.data)


class NatsSubscription:
    """See `saga.ports.bus.Subscription`.

    It has a connection of its own, and ends with it. Deliveries that it has, ready or in the hands of its reader, are extended
    until they are acknowledged, for HOLD_SECONDS at most; leaving the group gives back the others at once.
    """

    def __init__(self, options: Options, topics: Sequence[str], group: str, limit: int) -> None:
        self._options = options
        self._topics = tuple(dict.fromkeys(topics))
        self._group = group
        self._limit = limit
        self._link: Link | None = None
        self._pulls: list[Pull] = []
        self._ready: deque[NatsDelivery] = deque()
        self._ready_bytes = 0
        self._in_hand: set[NatsDelivery] = set()
        self._arrived = asyncio.Event()
        self._failure: SagaError | Exception | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._is_leaving = False
        self._ack_wait_seconds = options.ack_wait_ms / 1000

    async def open(self) -> None:
        """Connects, and finds the consumers. Raises NotFound, AccessRefused, Unavailable."""
        self._link = await Link.open(self._options, f"saga {self._group}")
        for topic in self._topics:
            deliver = partial(self._on_delivery, topic)
            pull = Pull(self._link, self._options.prefix + topic, self._group, deliver, self._end)
            await pull.open()
            self._pulls.append(pull)
        self._ack_wait_seconds = min(pull.ack_wait_seconds for pull in self._pulls)
        self._keeping = asyncio.create_task(self._keep_on())

    def __aiter__(self) -> AsyncIterator[Sequence[Delivery]]:
        return self

    async def __anext__(self) -> Sequence[Delivery]:
        """The next batch. Raises the error that ended the reading: the caller must subscribe again."""
        while True:
            self._raise_failure()
            await self._pull()
            if self._ready:
                return self._take()
            self._arrived.clear()
            await self._arrived.wait()

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledges deliveries without waiting for the servers: acknowledgements that a crash loses make their messages come again."""
        done = [one for one in deliveries if isinstance(one, NatsDelivery) and one in self._in_hand]
        self._in_hand.difference_update(done)
        if done:
            self._raise_failure()
        await self._answer(done, ACK)

    async def close(self) -> None:
        """Leaves the group, within CLOSE_SECONDS if the servers are silent: then its deliveries come again after their ack_wait."""
        self._is_leaving = True
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait((self._keeping,))
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                if self._failure is None:
                    await self._give_back()
        except (SagaError, TimeoutError) as error:
            _log.info("nats: leaving group %s: %r", self._group, error)
        self._end(Closed("this subscription was closed"))
        if self._link is not None:
            await self._link.close()

    async def _give_back(self) -> None:
        await self._answer([*self._in_hand, *self._ready], NAK)
        self._in_hand.clear()
        self._ready.clear()
        for pull in self._pulls:
            await pull.close()
        await self._answer(tuple(self._ready), NAK)

    def _take(self) -> list[NatsDelivery]:
        batch = [self._ready.popleft() for _ in range(min(self._limit, len(self._ready)))]
        self._ready_bytes -= sum(delivery.size for delivery in batch)
        self._in_hand.update(batch)
        return batch

    async def _pull(self) -> None:
        """Asks for two batches ahead of the reader, of each topic."""
        room = min(2 * self._limit - len(self._ready), IN_HAND_MAX - len(self._in_hand))
        if room > 0 and self._ready_bytes < READY_BYTES_MAX and not self._is_leaving:
            for pull in self._pulls:
                await pull.ask(room)

    async def _keep_on(self) -> None:
        """Watches the pull requests, and extends deliveries. Whatever ends it ends the iteration as well."""
        try:
            await self._keep()
        except Exception as error:  # noqa: BLE001 (raised where the subscription is awaited)
            self._end(error)

    async def _keep(self) -> None:
        assert self._link is not None  # noqa: S101
        lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._link.failing(lost, [subject for pull in self._pulls for subject in pull.subjects]):
            while not lost.done():
                await asyncio.wait((lost,), timeout=TICK_SECONDS)
                for pull in self._pulls:
                    await pull.watch()
                await self._pull()
                await self._extend(time.monotonic())
        await lost

    async def _extend(self, now: float) -> None:
        due = now - self._ack_wait_seconds / EXTENSIONS
        held = [
            one
            for one in (*self._in_hand, *self._ready)
            if one.extended_at < due and now - one.arrived_at < HOLD_SECONDS
        ]
        for delivery in held:
            delivery.extended_at = now
        await self._answer(held, IN_PROGRESS)

    async def _answer(self, deliveries: Sequence[NatsDelivery], answer: bytes) -> None:
        assert self._link is not None  # noqa: S101
        with translated(self._options.place):
            for delivery in deliveries:
                await self._link.client.publish(delivery.reply, answer)

    def _on_delivery(self, topic: str, msg: Msg) -> None:
        delivery = NatsDelivery(topic, msg)
        self._ready.append(delivery)
        self._ready_bytes += delivery.size
        self._arrived.set()

    def _end(self, failure: Exception) -> None:
        self._failure = self._failure or failure
        self._arrived.set()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
