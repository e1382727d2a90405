"""The memory database of a simulation: it is observed, its clock can jump, its notifications can get lost, and it can crash."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from copy import copy
from functools import partial
from typing import Final, Protocol
from uuid import UUID

from saga.memory.data.commands import CommandRow, Commands
from saga.memory.data.database import Database, Leader
from saga.memory.data.transaction import Transaction
from saga.memory.store import MemoryStore
from saga.ports.adapter import StoreOptions
from saga.ports.values.claim import Claim, CommandRef, DeliveredCommand
from saga.ports.values.notification import Notifications
from saga.ports.values.write import Write, WriteConflict
from saga.testing.clocks.virtual_loop import OUTSIDE, VirtualLoop
from tests.simulation.worlds.clocks import MachineClock

EPOCH: Final = 1_700_000_000.0
Arrivals = Callable[[str], list[float]]
_UNDER_WAY: Final = frozenset("DWUKG")


class Watcher(Protocol):
    """The interface of an observer of commits."""

    def committed(self, saga: UUID) -> None: ...
    def claimed(self, row: CommandRow) -> None: ...
    def received(self, claims: Sequence[Claim]) -> None: ...
    def redriven(self) -> None: ...


class WatchedCommands(Commands):
    """Shows claims to the observer, and remembers them until they are on the disk."""

    def __init__(self, on_claim: Callable[[CommandRow], None]) -> None:
        super().__init__()
        self._on_claim = on_claim
        self._volatile: list[CommandRow] = []  # the rows before the transaction
        self.moved: dict[CommandRef, list[float]] = {}  # new moments of timeouts, in seconds since the epoch
        self.moved_at: list[float] = []  # when the leader has moved those that had passed

    def claim(self, row: CommandRow, owner: int, claim: int | None, lease_until: float) -> None:
        self._volatile.append(copy(row))
        super().claim(row, owner, claim, lease_until)
        self._on_claim(row)

    def extend_timeouts(self, now: float, until: float, is_free: Callable[[CommandRef], bool]) -> list[CommandRow]:
        late = super().extend_timeouts(now, until, is_free)
        for row in late:
            self.moved.setdefault(row.ref, []).append(until)
        self.moved_at.append(now)
        return late

    def flush(self) -> None:
        """Puts a commit on the disk, and with it every earlier one."""
        self._volatile.clear()

    def lose(self) -> int:
        """Crashes the database: claims that were not on the disk are lost."""
        lost = len(self._volatile)
        while self._volatile:
            before = self._volatile.pop()
            row = self.get(before.ref)
            if row is None:
                continue
            self._unindex(row)
            row.owner, row.claim, row.lease_until, row.due_at = (
                before.owner,
                before.claim,
                before.lease_until,
                before.due_at,
            )
            self._index(row)
        return lost


class WatchedDatabase(Database):
    """Shows every commit to the observer. Notifications are lost, doubled and late. `led_at`: when a leader was seen, since the epoch."""

    def __init__(self, loop: VirtualLoop, clock: MachineClock, arrivals: Arrivals, watcher: Watcher) -> None:
        super().__init__(clock, EPOCH)
        self.commands = self.watched = WatchedCommands(watcher.claimed)
        self.watcher = watcher
        self.led_at: list[float] = []
        self._loop = loop
        self._arrivals = arrivals

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name == "leader" and isinstance(value, Leader):
            self.led_at.append(self.epoch + value.seen_at)

    def epoch_now(self) -> float:
        return self.epoch + self.now()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with super().transaction() as transaction:
            yield transaction
        self.watched.flush()
        for saga in transaction.sagas:
            self.watcher.committed(saga)

    def notify(self, notifications: Notifications, *, is_whole: bool) -> None:
        claims, endings = notifications.claims if is_whole else {}, notifications.statuses if is_whole else {}
        for process, refs in notifications.claim_refs.items():
            self._send("claims", Notifications(claim_refs={process: refs}, claims={process: claims.get(process, [])}))
        for process, sagas in notifications.ended.items():
            self._send("ended", Notifications(ended={process: sagas}, statuses={process: endings.get(process, {})}))
        for service in sorted(notifications.services):
            self._send("queue", Notifications(services={service}))

    def _send(self, what: str, notifications: Notifications) -> None:
        for n, seconds in enumerate(self._arrivals(what)):
            notify = partial(
                super().notify, notifications, is_whole=n == 0
            )  # a claim is sent inline once, as NOTIFY does
            if seconds <= 0:
                notify()
            else:
                self._loop.call_later(seconds, notify, context=OUTSIDE.copy())


class WatchedStore(MemoryStore):
    """Distinguishes a claim that is on the disk at once from one that is not, and counts redrives (E11)."""

    def __init__(self, database: WatchedDatabase, options: StoreOptions) -> None:
        super().__init__(database, options)
        self._watched = database

    async def poll(
        self, services: Sequence[str], limit: int, *, process: int, first_claim: int, durable: bool
    ) -> list[Claim]:
        claims = await super().poll(services, limit, process=process, first_claim=first_claim, durable=durable)
        if durable:
            self._watched.watched.flush()
        self._watched.watcher.received(claims)
        return claims

    async def admit(
        self,
        deliveries: Sequence[DeliveredCommand],
        services: Sequence[str],
        *,
        process: int,
        first_claim: int,
        durable: bool,
    ) -> list[Claim]:
        claims = await super().admit(deliveries, services, process=process, first_claim=first_claim, durable=durable)
        self._watched.watcher.received(claims)
        return claims

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
        for write in writes:
            row = self._watched.sagas.get(write.saga)
            if row is not None and not write.delays:
                before, after = row.state.vector, write.state.vector
                for dispatch in write.dispatches:
                    if before[dispatch.step] == after[dispatch.step] in _UNDER_WAY:
                        self._watched.watcher.redriven()
        return await super().commit(
            writes, notifications, process=process, durable=durable, wait=wait, connection=connection
        )
