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
from saga_nats.failures import BATCHES_NOT_ALLOWED, answered, translated
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
BATCH_MESSAGES: Final = 500
"""The number of messages that a stream writes to disk together: half of what it allows."""
BATCH_ID: Final = "Nats-Batch-Id"
BATCH_SEQUENCE: Final = "Nats-Batch-Sequence"
BATCH_COMMIT: Final = "Nats-Batch-Commit"
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
    """Parcels that are on their way, in groups: the answer to its last parcel is for the whole group."""

    def __init__(self, parcels: dict[str, Parcel], groups: Sequence[Sequence[Parcel]]) -> None:
        self.unconfirmed = parcels
        """The parcels by id; a confirmed one is taken out."""
        self.groups = {group[-1].id: group for group in groups}
        self.unheard: set[str] = set()
        """Subjects to which no stream listens."""
        self.failure: SagaError | None = None
        """An error that the servers have answered."""
        self.is_batch_refused = False
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._unanswered = set(self.groups)

    def confirm(self, last: str) -> None:
        for parcel in self.groups[last]:
            del self.unconfirmed[parcel.id]

    def settle(self, last: str) -> None:
        """Notes an answer, whatever it is."""
        self._unanswered.discard(last)
        if not self._unanswered and not self.done.done():
            self.done.set_result(None)


class Publisher:
    """Publishes messages, each under its full subject.

    Messages of one subject go in atomic batches first, which a stream writes to disk once; a server before 2.12 does not know them, and a
    stream may not allow them. What a batch did not confirm is sent again, each message by itself and with the same id, while its stream has
    no leader or the connection breaks. The id does not outlive the call: a caller that repeats a failed publish may publish twice.
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
        self._unbatched: set[str] = set()
        """Subjects whose streams or servers know no batches, until the connection is replaced."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """Returns when the streams have every message. Raises Unavailable, InputRefused, AccessRefused, NotFound, UsageError."""
        link = await self._opened()
        parcels = [self._parcel(message, link.client.max_payload) for message in messages]
        for window in _windows(parcels):
            await self._publish({parcel.id: parcel for parcel in window})

    async def _publish(self, parcels: dict[str, Parcel]) -> None:
        """Sends until all is confirmed, or until PUBLISH_SECONDS are over."""
        give_up_at = time.monotonic() + PUBLISH_SECONDS
        groups = self._batches(parcels)
        while True:
            attempt = Attempt(parcels, groups)
            broken = await self._attempt(attempt)
            if not parcels:
                return
            if attempt.failure is not None:
                raise attempt.failure
            groups = [[parcel] for parcel in parcels.values()]
            if attempt.is_batch_refused and broken is None:
                continue
            if attempt.unheard:
                await self._streams.check(attempt.unheard)
            if time.monotonic() + RETRY_SECONDS > give_up_at:
                raise broken or Unavailable(f"{self._place}: a stream had no leader for {PUBLISH_SECONDS:.0f} s")
            await asyncio.sleep(RETRY_SECONDS)

    async def _attempt(self, attempt: Attempt) -> Unavailable | None:
        """Returns the error of a connection that broke or was silent. Raises Unavailable if none can be opened, AccessRefused."""
        link = await self._opened()
        self._attempts.update(dict.fromkeys(attempt.groups, attempt))
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
            for last in attempt.groups:
                self._attempts.pop(last, None)
        return None

    async def _send(self, link: Link, attempt: Attempt) -> None:
        for last, group in attempt.groups.items():
            for number, parcel in enumerate(group, 1):
                headers, message = parcel.headers, parcel.message
                if len(group) > 1:
                    headers = {**headers, BATCH_ID: last, BATCH_SEQUENCE: str(number)}
                    if parcel.id == last:
                        headers[BATCH_COMMIT] = "1"
                reply = self._inbox + last if parcel.id == last else ""
                await link.client.publish(message.topic, message.body, reply, headers)

    async def _on_answer(self, msg: Msg) -> None:
        last = msg.subject[len(self._inbox) :]
        attempt = self._attempts.pop(last, None)
        if attempt is None:
            return
        group = attempt.groups[last]
        subject = group[0].message.topic
        if status_of(msg) == NO_RESPONDERS:
            attempt.unheard.add(subject)
        elif failure := self._failure(msg.data, subject, len(group)):
            if len(group) > 1:
                attempt.is_batch_refused = True
            else:
                attempt.failure = failure
        else:
            attempt.confirm(last)
        attempt.settle(last)

    def _failure(self, body: bytes, subject: str, count: int) -> SagaError | None:
        """The error in the answer to a group of messages. Anyone may answer: only the right stream confirms, and all of them."""
        try:
            answer = json.loads(body)
            if "error" in answer:
                if answer["error"].get("err_code") == BATCHES_NOT_ALLOWED:
                    self._unbatched.add(subject)
                return answered(answer["error"], self._place)
            stream = answer["stream"]
            if answer.get("count", 1) != count:
                self._unbatched.add(subject)
                return Unavailable(f"{self._place}: a batch of {count} messages was not kept as one")
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
                self._unbatched.clear()
            return link

    def _batches(self, parcels: dict[str, Parcel]) -> list[list[Parcel]]:
        """The parcels by subject, in groups that a stream keeps as one."""
        batches: list[list[Parcel]] = []
        current: dict[str, list[Parcel]] = {}
        for parcel in parcels.values():
            subject = parcel.message.topic
            batch = current.get(subject)
            if batch is None or len(batch) == BATCH_MESSAGES or subject in self._unbatched:
                batch = current[subject] = []
                batches.append(batch)
            batch.append(parcel)
        return batches

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
