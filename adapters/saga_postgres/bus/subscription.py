"""A member of a consumer group of the Postgres bus."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from saga.core.allowance import Allowance
from saga.errors import Unavailable
from saga.ports.bus import Delivery, Message
from saga_postgres.announce.paced import SIGNALS_BURST, SIGNALS_PER_SECOND
from saga_postgres.connection.failures import translated
from saga_postgres.connection.pool import Pool

LEASE_SECONDS: Final = 30.0
"""After which an unacknowledged message of a live member is delivered again; those of a dead member are at once."""
POLL_SECONDS: Final = 2.0
"""Pause between polls without a notification, and between checks for dead members."""
RETRY_SECONDS: Final = (0.05, 2.0)
"""First and longest pause after the connection was lost."""
KEPT_SECONDS: Final = 7 * 86400.0
TIDY_MESSAGES_MAX: Final = 1000
LEAVE_TIMEOUT_SECONDS: Final = 5.0

_NUMBER: Final = "select nextval('bus_member_id')::integer"
_LOCK: Final = "select case when not exists (select from bus_member where id = $2) then pg_try_advisory_lock($1, $2) else false end"
_JOIN: Final = "insert into bus_member (id, group_name) values ($1, $2)"
_TAKE: Final = "select id, topic, key, body, headers from bus_take($1, $2, $3, $4, $5)"
_TIDY: Final = "select bus_tidy($1, $2, $3, $4, $5)"
_LEAVE: Final = "select bus_leave($1, $2, $3)"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PostgresDelivery:
    """See `saga.ports.bus.Delivery`. `id` is the row of the message."""

    id: int
    message: Message


class ConsumerMembership:
    """The session of one member: its number, an advisory lock on it, and a listener on the channel."""

    def __init__(self, pool: Pool, channel: str, topics: tuple[str, ...], group: str) -> None:
        self._pool = pool
        self._channel = channel
        self._topics = topics
        self._group = group
        self._lock_class = zlib.crc32(f"saga.bus.{pool.namespace}".encode()) - 2**31
        self._session: asyncpg.Connection[asyncpg.Record] | None = None
        self._number = 0
        self._tidy_at = 0.0
        self.woken = asyncio.Event()

    async def take(self, limit: int) -> list[PostgresDelivery]:
        """Up to `limit` messages for this member, possibly none. Raises Unavailable."""
        session = await self._joined()
        with self._pool.using(session):
            if time.monotonic() >= self._tidy_at:
                self._tidy_at = time.monotonic() + POLL_SECONDS
                await session.execute(
                    _TIDY, self._number, self._lock_class, self._group, KEPT_SECONDS, TIDY_MESSAGES_MAX
                )
            rows = await session.fetch(_TAKE, self._topics, self._group, self._number, limit, LEASE_SECONDS)
        # The first topic is served first: it must not starve the others
        self._topics = self._topics[1:] + self._topics[:1]
        return [PostgresDelivery(row["id"], _message(row)) for row in rows]

    async def leave(self) -> None:
        """Gives back unacknowledged messages. If the server cannot be reached, the end of the session has the same effect."""
        session, self._session = self._session, None
        if session is None:
            return
        try:
            with contextlib.suppress(Unavailable), translated(self._pool.place):
                await session.execute(_LEAVE, self._number, self._group, self._channel, timeout=LEAVE_TIMEOUT_SECONDS)
        finally:
            session.terminate()

    async def _joined(self) -> asyncpg.Connection[asyncpg.Record]:
        if self._session is not None and not self._session.is_closed():
            return self._session
        session = await self._pool.dedicated()
        try:
            with translated(self._pool.place):
                number: int = await session.fetchval(_NUMBER)
                while not await session.fetchval(_LOCK, self._lock_class, number):
                    number = await session.fetchval(_NUMBER)
                await session.add_listener(self._channel, self._on_notification)
                await session.execute(_JOIN, number, self._group)
        except BaseException:
            session.terminate()
            raise
        session.add_termination_listener(lambda _: self.woken.set())
        self._session, self._number = session, number
        return session

    def _on_notification(self, _: object, __: int, ___: str, payload: object) -> None:
        if not payload or not set(str(payload).split()).isdisjoint(self._topics):
            self.woken.set()


class PostgresSubscription:
    """See `saga.ports.bus.Subscription`. It rejoins by itself after the connection was lost."""

    def __init__(
        self, member: ConsumerMembership, acknowledge: Callable[[Sequence[Delivery]], Awaitable[None]], limit: int
    ) -> None:  # fmt: skip
        self._member = member
        self._acknowledge = acknowledge
        self._limit = limit
        self._fetching: asyncio.Task[Sequence[Delivery]] | None = None
        self._found_nothing = Allowance(SIGNALS_BURST, SIGNALS_PER_SECOND)

    def __aiter__(self) -> AsyncIterator[Sequence[Delivery]]:
        return self

    async def __anext__(self) -> Sequence[Delivery]:
        """The next batch. Cancelling it does not cancel the fetch, whose batch the next call returns."""
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch())
        fetching = self._fetching
        await asyncio.wait([fetching])
        self._fetching = None
        return fetching.result()

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        await self._acknowledge(deliveries)

    async def close(self) -> None:
        fetching, self._fetching = self._fetching, None
        if fetching is not None:
            fetching.cancel()
            await asyncio.wait([fetching])
        await self._member.leave()

    async def _fetch(self) -> Sequence[Delivery]:
        pause, longest = RETRY_SECONDS
        while True:
            self._member.woken.clear()
            try:
                batch = await self._member.take(self._limit)
            except Unavailable as error:
                _log.warning("bus unavailable, retrying: %s", error)
                await asyncio.sleep(pause * _jitter())
                pause = min(pause * 2, longest)
                continue
            if batch:
                return batch
            await asyncio.sleep(self._found_nothing.take(time.monotonic()))
            pause = RETRY_SECONDS[0]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS * _jitter()):
                    await self._member.woken.wait()


def _message(row: asyncpg.Record) -> Message:
    return Message(row["topic"], row["key"], row["body"], _headers(row["headers"]))


def _headers(text: str | None) -> dict[str, str]:
    """The headers of a message; none if something else than Saga wrote the row."""
    if text is None:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return {name: str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _jitter() -> float:
    return random.uniform(0.7, 1.3)  # noqa: S311 (spreads members, protects nothing)
