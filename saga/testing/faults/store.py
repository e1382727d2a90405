"""A memory store that fails as a real one does: the connection breaks, the answer is late or lost, the process dies in a call.

Every call passes two named points, `<call>:before` and `<call>:after`, where a `Faults` decides what happens. A request that was sent is
served even if nobody waits for its answer any more. Times are converted to the clock of the process, as a driver does.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Final, Protocol, TypeVar
from uuid import UUID

from msgspec import structs

from saga.core.condition.facts import Facts
from saga.errors import Unavailable
from saga.memory.adapter import MemoryAdapter
from saga.memory.data.transaction import Transaction
from saga.ports.access.tokens import Tokens
from saga.ports.adapter import StoreOptions
from saga.ports.clock import Clock
from saga.ports.directory import Directory
from saga.ports.inbox import Inbox, InboxEvent, Receipt
from saga.ports.ledger import Ledger, Snapshot
from saga.ports.listing import Listing
from saga.ports.membership import ClaimCost, Heartbeat, Membership, ProcessListener
from saga.ports.retention import Retention
from saga.ports.schedules.schedules import Schedules
from saga.ports.store import Store
from saga.ports.values.claim import Claim, CommandRef, DeliveredCommand
from saga.ports.values.notification import Notifications, SagaStatus
from saga.ports.values.overdue import BEGINNING, OverdueSaga, Place
from saga.ports.values.start import Start, TakenKey
from saga.ports.values.write import Write, WriteConflict
from saga.testing.clocks.virtual_loop import VirtualLoop

Result = TypeVar("Result")
Fault = Callable[[], Awaitable[None]]

CLOCK_SECONDS_MAX: Final = 3.0  # how long a heartbeat is good for the time of the store
CALLS: Final = (
    "start",
    "commit",
    "poll",
    "admit",
    "fetch",
    "overdue",
    "extend",
    "join",
    "heartbeat",
    "lead",
    "statuses",
    "step",
)
INBOX_CALLS: Final = ("send", "wake", "first")
POINTS: Final = tuple(f"{call}:{side}" for call in CALLS for side in ("before", "after"))
INBOX_POINTS: Final = tuple(f"{call}:{side}" for call in INBOX_CALLS for side in ("before", "after"))


class Faults(Protocol):
    """The faults of one process."""

    def at(self, point: str) -> Fault | None:
        """The fault at this point now, which raises Unavailable, returns late, or never; None for no fault."""


class Session:
    """The connection of one process to the store, over a network that fails."""

    def __init__(self, loop: VirtualLoop, faults: Faults, clock: Clock, store_now: Callable[[], float]) -> None:
        self._loop = loop
        self._faults = faults
        self.clock = clock
        self.store_now = store_now

    async def call(self, name: str, request: Callable[[], Coroutine[None, None, Result]]) -> Result:
        """Sends a request to the server, which serves it even if the process dies."""
        await self.pass_point(f"{name}:before")
        result = await self._loop.ask(request())
        await self.pass_point(f"{name}:after")
        return result

    async def pass_point(self, point: str) -> None:
        fault = self._faults.at(point)
        if fault is not None:
            await fault()

    def ahead(self) -> float:
        """The seconds by which the store's clock is ahead of the process's clock."""
        return self.store_now() - self.clock.monotonic()


class FaultyAdapter:
    """See `saga.ports.store.StoreAdapter`. `abort` does what a server does with the transactions of a dead client."""

    def __init__(self, inner: MemoryAdapter, session: Session) -> None:
        self._inner = inner
        self._session = session
        self._open: dict[Transaction, None] = {}
        self.store: Store = _FaultyStore(inner.store, session)
        self.inbox: Inbox = _FaultyInbox(inner.inbox, session)
        self.membership: Membership = _FaultyMembership(inner, session)
        self.ledger: Ledger = _FaultyLedger(inner.ledger, session)
        self.directory: Directory = inner.directory
        self.listing: Listing = inner.listing
        self.retention: Retention = inner.retention
        self.tokens: Tokens = inner.tokens
        self.schedules: Schedules = inner.schedules
        self.options: StoreOptions = inner.options

    async def open(self) -> None:
        """Never fails."""

    async def close(self) -> None:
        await self._inner.close()

    def kill(self) -> None:
        """Ends the session of a dying process, and its transactions with it."""
        self.abort()
        self._inner.kill()

    def cut(self) -> None:
        """Breaks the connections of the process, which learns of it when it listens again."""
        self.abort()
        self._inner.cut()

    def abort(self) -> None:
        """Rolls back the open transactions, as the server does."""
        for transaction in self._open:
            transaction.abort()

    async def is_same_database(self, url: str) -> bool:
        return await self._inner.is_same_database(url)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        inner = self._inner.transaction()
        transaction = await inner.__aenter__()
        self._open[transaction] = None
        try:
            yield transaction
            await self._session.pass_point("step:before")
        except BaseException as error:
            self._open.pop(transaction)
            await inner.__aexit__(type(error), error, error.__traceback__)
            raise
        self._open.pop(transaction)
        await inner.__aexit__(None, None, None)
        await self._session.pass_point("step:after")


class _FaultyStore:
    def __init__(self, inner: Store, session: Session) -> None:
        self._inner = inner
        self._session = session

    async def start(
        self,
        starts: Sequence[Start],
        notifications: Notifications,
        *,
        process: int,
        waiter: int | None,
        is_retry: bool,
        connection: Transaction | None = None,
    ) -> list[TakenKey]:
        def request() -> Coroutine[None, None, list[TakenKey]]:
            return self._inner.start(
                starts, notifications, process=process, waiter=waiter, is_retry=is_retry, connection=connection
            )

        return await (request() if connection is not None else self._session.call("start", request))

    async def commit(
        self,
        writes: Sequence[Write],
        notifications: Notifications,
        *,
        process: int,
        durable: bool,
        wait: bool,
        connection: Transaction | None = None,
    ) -> list[WriteConflict]:
        def request() -> Coroutine[None, None, list[WriteConflict]]:
            return self._inner.commit(
                writes, notifications, process=process, durable=durable, wait=wait, connection=connection
            )

        conflicts = await (request() if connection is not None else self._session.call("commit", request))
        ahead = self._session.ahead()
        return [structs.replace(conflict, store_clock=conflict.store_clock + ahead) for conflict in conflicts]

    async def poll(
        self, services: Sequence[str], limit: int, *, process: int, first_claim: int, durable: bool
    ) -> list[Claim]:
        return await self._claims(
            "poll",
            lambda: self._inner.poll(services, limit, process=process, first_claim=first_claim, durable=durable),
        )

    async def admit(
        self,
        deliveries: Sequence[DeliveredCommand],
        services: Sequence[str],
        *,
        process: int,
        first_claim: int,
        durable: bool,
    ) -> list[Claim]:
        return await self._claims(
            "admit",
            lambda: self._inner.admit(deliveries, services, process=process, first_claim=first_claim, durable=durable),
        )

    async def fetch(self, refs: Sequence[CommandRef], *, process: int) -> list[Claim]:
        return await self._claims("fetch", lambda: self._inner.fetch(refs, process=process))

    async def facts(self, saga: UUID, steps: Sequence[int]) -> Facts:
        return await self._session.call("facts", lambda: self._inner.facts(saga, steps))

    async def unclaimed(self, refs: Sequence[CommandRef]) -> set[CommandRef]:
        return await self._session.call("unclaimed", lambda: self._inner.unclaimed(refs))

    async def overdue(self, limit: int, services: Sequence[str] | None, after: Place = BEGINNING) -> list[OverdueSaga]:
        found = await self._session.call("overdue", lambda: self._inner.overdue(limit, services, after))
        ahead = self._session.ahead()
        return [structs.replace(entry, store_clock=entry.store_clock + ahead) for entry in found]

    async def extend(
        self, claims: Sequence[Claim], *, process: int, progress: bytes | None = None, isolated: bool = False
    ) -> set[int]:
        return await self._session.call(
            "extend", lambda: self._inner.extend(claims, process=process, progress=progress, isolated=isolated)
        )

    async def _claims(self, name: str, fetch: Callable[[], Coroutine[None, None, list[Claim]]]) -> list[Claim]:
        session = self._session
        asked_at = session.clock.monotonic()

        async def served() -> tuple[float, list[Claim]]:
            claims = await fetch()
            return session.store_now(), claims

        served_at, claims = await session.call(name, served)
        answered_at, ahead = session.clock.monotonic(), session.ahead()
        for claim in claims:
            claim.lease_ends += asked_at - served_at  # conservative: from before the request
            claim.quiet_at += answered_at - served_at  # conservative: from after the answer
            claim.store_clock += ahead
        return claims


class _FaultyInbox:
    def __init__(self, inner: Inbox, session: Session) -> None:
        self._inner = inner
        self._session = session
        self.wake_overlooked = inner.wake_overlooked
        self.events = inner.events
        self.completion_key = inner.completion_key

    async def send(
        self, events: Sequence[tuple[UUID, InboxEvent]], *, connection: Transaction | None = None
    ) -> list[Receipt]:
        if connection is not None:
            return await self._inner.send(events, connection=connection)
        return await self._session.call("send", lambda: self._inner.send(events))

    async def wake(self, sagas: Sequence[UUID]) -> None:
        await self._session.call("wake", lambda: self._inner.wake(sagas))

    async def extend_timeouts(self, by_seconds: float) -> int:
        return await self._session.call("extend_timeouts", lambda: self._inner.extend_timeouts(by_seconds))

    async def first(self, asked: Sequence[tuple[UUID, Sequence[str]]]) -> list[InboxEvent | None]:
        return await self._session.call("first", lambda: self._inner.first(asked))


class _FaultyMembership:
    """A broken session ends the membership."""

    def __init__(self, inner: MemoryAdapter, session: Session) -> None:
        self._inner = inner
        self._session = session
        self._ahead = self._ahead_max = 0.0  # bounds of the store's clock minus the local one, at the last heartbeat
        self._heartbeat_at = -math.inf

    async def join(self, name: str, services: Sequence[str], capacity: int, listener: ProcessListener) -> int:
        self._inner.kill()  # ends an earlier session
        listener = replace(listener, on_claims=partial(self._receive, listener))
        return await self._call("join", lambda: self._inner.membership.join(name, services, capacity, listener))

    def _receive(self, listener: ProcessListener, claims: list[Claim]) -> None:
        """Converts times to the local clock, as far as the last heartbeat is recent."""
        if self._session.clock.monotonic() - self._heartbeat_at > CLOCK_SECONDS_MAX:
            listener.on_claim_refs([CommandRef(claim.saga, claim.step) for claim in claims])
            return
        for claim in claims:
            claim.lease_ends -= self._ahead_max
            claim.store_clock += self._ahead
        listener.on_claims(claims)

    async def announce(self, services: Sequence[str], capacity: int) -> None:
        await self._inner.membership.announce(services, capacity)

    async def heartbeat(self, in_flight: int, *, full: bool, cost: ClaimCost | None = None) -> Heartbeat:
        asked_at = self._session.clock.monotonic()

        async def served() -> tuple[float, Heartbeat]:
            found = await self._inner.membership.heartbeat(in_flight, full=full, cost=cost)
            return self._session.store_now(), found

        served_at, heartbeat = await self._call("heartbeat", served)
        self._heartbeat_at = self._session.clock.monotonic()
        self._ahead, self._ahead_max = served_at - self._heartbeat_at, served_at - asked_at
        return replace(heartbeat, store_clock=heartbeat.store_clock + self._ahead)

    async def lead(self, term: int, name: str | None, *, silence_seconds_max: float = math.inf) -> float:
        lead = self._inner.membership.lead
        return await self._session.call("lead", lambda: lead(term, name, silence_seconds_max=silence_seconds_max))

    async def leave(self) -> None:
        await self._inner.membership.leave()

    async def _call(self, name: str, request: Callable[[], Coroutine[None, None, Result]]) -> Result:
        try:
            return await self._session.call(name, request)
        except Unavailable:
            self._inner.kill()
            raise


class _FaultyLedger:
    def __init__(self, inner: Ledger, session: Session) -> None:
        self._inner = inner
        self._session = session
        self.find_key = inner.find_key
        self.record = inner.record
        self.audits = inner.audits

    async def statuses(self, sagas: Sequence[UUID]) -> dict[UUID, SagaStatus]:
        return await self._session.call("statuses", lambda: self._inner.statuses(sagas))

    async def snapshot(self, saga: UUID) -> Snapshot:
        found = await self._inner.snapshot(saga)
        return structs.replace(found, store_clock=found.store_clock + self._session.ahead())
