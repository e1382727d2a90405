"""Publishes batches of messages; each is confirmed by a majority of the servers that keep its stream."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from nats.aio.msg import Msg

from saga.errors import InputRefused, SagaError, Unavailable, UsageError
from saga.ports.bus import Message
from saga_nats.failures import answered, translated
from saga_nats.link import NO_RESPONDERS, Link, Links, status_of
from saga_nats.message_format import pack, stream_of
from saga_nats.streams import Streams

PUBLISH_SECONDS: Final = 10.0
"""The time for which a batch is tried; after that its outcome is unknown."""
CONFIRM_SECONDS: Final = 4.0
"""Timeout of the confirmations of one attempt."""
RETRY_SECONDS: Final = 0.2
WINDOW_MESSAGES: Final = 2_000
WINDOW_BYTES: Final = 8 * 1024 * 1024
"""The size of what is on its way at a time: servers drop what exceeds their buffers."""
HEADER_LINE_BYTES: Final = 4
HEADER_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message as it is sent. Its id makes the stream keep it once, however often it is sent."""

    id: str
    message: Message
    headers: dict[str, str]

    @property
    def size(self) -> int:
        """Bytes of body and headers, rounded up: what the server compares with its max_payload."""
        lines = sum(len(name) + len(value) + HEADER_LINE_BYTES for name, value in self.headers.items())
        return len(self.message.body) + HEADER_BYTES + lines


class Attempt:
    """Parcels that are on their way."""

    def __init__(self, parcels: dict[str, Parcel]) -> None:
        self.unconfirmed = parcels
        """The parcels by id; a confirmed one is taken out."""
        self.unheard: set[str] = set()
        """Subjects to which no stream listens."""
        self.failure: SagaError | None = None
        """An error that the servers have answered."""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._unanswered = set(parcels)

    def confirm(self, parcel: str) -> None:
        del self.unconfirmed[parcel]
        self.settle(parcel)

    def settle(self, parcel: str) -> None:
        """Notes an answer, whatever it is."""
        self._unanswered.discard(parcel)
        if not self._unanswered and not self.done.done():
            self.done.set_result(None)


class Publisher:
    """Publishes messages, each under its full subject.

    A message is sent again while its stream has no leader or the connection breaks, with the same id. The id does not outlive the call:
    a caller that repeats a failed publish may publish twice.
    """

    def __init__(self, links: Links, streams: Streams) -> None:
        self._links = links
        self._streams = streams
        self._place = links.options.place
        self._opening = asyncio.Lock()
        self._link: Link | None = None
        self._inbox = ""
        self._id_prefix = secrets.token_hex(8)
        self._count = 0
        self._attempts: dict[str, Attempt] = {}

    async def publish(self, messages: Sequence[Message]) -> None:
        """Returns when the streams have every message. Raises Unavailable, InputRefused, AccessRefused, NotFound, UsageError."""
        link = await self._opened()
        parcels = [self._parcel(message, link.client.max_payload) for message in messages]
        for window in _windows(parcels):
            await self._publish({parcel.id: parcel for parcel in window})

    async def _publish(self, parcels: dict[str, Parcel]) -> None:
        """Sends until all is confirmed, or until PUBLISH_SECONDS are over."""
        give_up_at = time.monotonic() + PUBLISH_SECONDS
        while True:
            attempt = Attempt(parcels)
            broken = await self._attempt(attempt)
            if not parcels:
                return
            if attempt.failure is not None:
                raise attempt.failure
            if attempt.unheard:
                await self._streams.check(attempt.unheard)
            if time.monotonic() + RETRY_SECONDS > give_up_at:
                raise broken or Unavailable(f"{self._place}: a stream had no leader for {PUBLISH_SECONDS:.0f} s")
            await asyncio.sleep(RETRY_SECONDS)

    async def _attempt(self, attempt: Attempt) -> Unavailable | None:
        """Returns the error of a connection that broke or was silent. Raises Unavailable if none can be opened, AccessRefused."""
        link = await self._opened()
        self._attempts.update(dict.fromkeys(attempt.unconfirmed, attempt))
        subjects = {parcel.message.topic for parcel in attempt.unconfirmed.values()}
        try:
            with translated(self._place), link.failing(attempt.done, subjects):
                async with asyncio.timeout(CONFIRM_SECONDS):
                    await self._send(link, attempt)
                    await attempt.done
        except Unavailable as error:
            link.end(error)  # also where it is only silent: another server may answer
            return error
        finally:
            attempt.done.cancel()
            for one in attempt.unconfirmed:
                self._attempts.pop(one, None)
        return None

    async def _send(self, link: Link, attempt: Attempt) -> None:
        for parcel in tuple(attempt.unconfirmed.values()):
            message = parcel.message
            await link.client.publish(message.topic, message.body, self._inbox + parcel.id, parcel.headers)

    async def _on_answer(self, msg: Msg) -> None:
        parcel = msg.subject[len(self._inbox) :]
        attempt = self._attempts.pop(parcel, None)
        if attempt is None:
            return
        subject = attempt.unconfirmed[parcel].message.topic
        if status_of(msg) == NO_RESPONDERS:
            attempt.unheard.add(subject)
        elif failure := self._failure(msg.data, subject):
            attempt.failure = failure
        else:
            attempt.confirm(parcel)
            return
        attempt.settle(parcel)

    def _failure(self, body: bytes, subject: str) -> SagaError | None:
        """The error in the answer to a message. Anyone may answer: only the right stream confirms."""
        try:
            answer = json.loads(body)
            if "error" in answer:
                return answered(answer["error"], self._place)
            stream = answer["stream"]
        except (ValueError, TypeError, KeyError):
            stream = "something else"
        if stream == stream_of(subject):
            return None
        return UsageError(
            f"{self._place}: {stream} listens to {subject}, which belongs to the stream {stream_of(subject)}: "
            "take the subject away from it, or choose another prefix in the URL"
        )

    async def _opened(self) -> Link:
        """The link, after it listens to the answers."""
        async with self._opening:
            link = await self._links.opened()
            if link is not self._link:
                self._inbox = f"{link.client.new_inbox()}."
                await link.listen(f"{self._inbox}*", self._on_answer)
                self._link = link
            return link

    def _parcel(self, message: Message, bytes_max: int) -> Parcel:
        self._count += 1
        name = f"{self._id_prefix}{self._count}"
        parcel = Parcel(name, message, pack(message, name))
        if parcel.size > bytes_max:
            raise InputRefused(
                f"{self._place} accepts {bytes_max} bytes, and a message for {message.topic} has {parcel.size} with its headers: "
                "raise max_payload of the servers to 2MB"
            )
        return parcel


def _windows(parcels: Sequence[Parcel]) -> Iterator[list[Parcel]]:
    """Splits a batch into what may be on its way together."""
    window, size = list[Parcel](), 0
    for parcel in parcels:
        if window and (len(window) == WINDOW_MESSAGES or size + parcel.size > WINDOW_BYTES):
            yield window
            window, size = [], 0
        window.append(parcel)
        size += parcel.size
    if window:
        yield window
