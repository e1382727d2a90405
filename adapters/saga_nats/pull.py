"""Pull requests for one consumer: keeps some open, and notices when the servers have lost them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Final

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from saga.errors import NotFound, SagaError, Unavailable
from saga_nats.failures import ENSURE, translated
from saga_nats.link import API, NO_RESPONDERS, STATUS, Link
from saga_nats.message_format import stream_of

EXPIRES_SECONDS: Final = 30.0
"""The time for which a pull request stays open; then the next one replaces it."""
HEARTBEAT_SECONDS: Final = 2.0
"""The time after which the server says that a pull request is still open, while it delivers nothing."""
SILENCE_SECONDS: Final = 3 * HEARTBEAT_SECONDS
"""Without a heartbeat for this long, a pull request is lost, as after the restart of a server."""
PULL_BYTES: Final = 8 * 1024 * 1024
NANOSECONDS: Final = 1_000_000_000
DELIVERED: Final = "$JS.ACK."
"""The beginning of the subject to which a delivery is acknowledged."""
_HEARTBEAT: Final = "100"
_ENDED: Final = ("404", "408", "409")
_GONE: Final = ("consumer deleted", "stream deleted", "consumer not found")
_LEFT: Final = "Nats-Pending-Messages"
_REASON: Final = "Description"


class Pull:
    """Reads one consumer over a link. `deliver` gets each message, `fail` an error after which nothing more comes."""

    def __init__(
        self, link: Link, subject: str, group: str, deliver: Callable[[Msg], None], fail: Callable[[SagaError], None]
    ) -> None:
        self._link = link
        self._consumer = f"{stream_of(subject)}.{group}"
        self._requests = f"{API}CONSUMER.MSG.NEXT.{self._consumer}"
        self.subjects = (self._requests, f"{DELIVERED}{self._consumer}.")
        """The subjects that a member sends to; one that ends with a dot is the beginning of subjects."""
        self._deliver = deliver
        self._fail = fail
        self._inbox = link.client.new_inbox()
        self._subscription: Subscription | None = None
        self._asked = 0
        """The number of messages that the open requests may still bring."""
        self._heard_at = time.monotonic()
        self.ack_wait_seconds = 0.0

    async def open(self) -> None:
        """Finds the consumer. Raises NotFound, AccessRefused, Unavailable."""
        info = await self._link.ask(f"CONSUMER.INFO.{self._consumer}")
        self.ack_wait_seconds = info["config"]["ack_wait"] / NANOSECONDS
        self._subscription = await self._link.listen(self._inbox, self._on_message)

    async def ask(self, count: int) -> None:
        """Opens a request if the open ones bring less than half of this number. Raises Unavailable."""
        wanted = count - self._asked
        if wanted <= count // 2 or self._link.failure is not None:
            return
        if not self._asked:
            self._heard_at = time.monotonic()
        self._asked += wanted
        request = {
            "batch": wanted,
            "expires": int(EXPIRES_SECONDS * NANOSECONDS),
            "idle_heartbeat": int(HEARTBEAT_SECONDS * NANOSECONDS),
            "max_bytes": max(PULL_BYTES, 2 * self._link.client.max_payload),
        }
        with translated(self._link.options.place):
            await self._link.client.publish(self._requests, json.dumps(request).encode(), self._inbox)

    async def watch(self) -> None:
        """Forgets requests that the servers have lost, after it has made sure that the consumer exists.

        Raises:
            NotFound: the consumer or its stream was deleted.
            Unavailable: the servers do not answer.
        """
        if self._asked and time.monotonic() - self._heard_at > SILENCE_SECONDS:
            await self._link.ask(f"CONSUMER.INFO.{self._consumer}")
            self._asked = 0

    async def close(self) -> None:
        """Receives nothing more. What is on its way is delivered first. Raises Unavailable."""
        if self._subscription is not None and self._link.failure is None:
            with translated(self._link.options.place):
                await self._subscription.drain()  # type: ignore[no-untyped-call]

    async def _on_message(self, msg: Msg) -> None:
        self._heard_at = time.monotonic()
        if msg.reply.startswith(DELIVERED):
            self._asked = max(self._asked - 1, 0)
            self._deliver(msg)
            return
        headers = msg.headers or {}
        status, reason = headers.get(STATUS, ""), headers.get(_REASON, "").lower()
        if status == _HEARTBEAT:
            return
        if status == NO_RESPONDERS or reason in _GONE:
            self._fail(
                NotFound(f"{self._link.options.place}: no consumer {self._consumer} ({reason or status}): {ENSURE}")
            )
        elif status in _ENDED:
            self._asked -= min(self._asked, _number(headers.get(_LEFT, ""), self._asked))
        else:
            self._fail(
                Unavailable(f"{self._link.options.place} refuses to deliver {self._consumer}: {status} {reason}")
            )


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdigit() else otherwise
