"""Waits for sagas to end. Lookups are batched: one query answers every waiter."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final, Protocol
from uuid import UUID

from saga.errors import SagaError, UsageError
from saga.logger import get_logger
from saga.ports.clock import Clock
from saga.ports.ledger import unknown_saga
from saga.ports.values.notification import SagaStatus
from saga.runtime.timing.coarse_timers import CoarseTimers

POLL_FIRST_SECONDS: Final = 2.0
POLL_CAP_SECONDS: Final = 10.0
POLL_FACTOR: Final = 1.5
POLL_TICK_SECONDS: Final = 0.25  # lookups within one tick are batched
RETRY_SECONDS: Final = 0.5
BATCH_MAX: Final = 256
UNCLAIMED_MAX: Final = 10_000  # ends without a waiter that are kept; older ones are found by a lookup


class Statuses(Protocol):
    """The part of the ledger that waiters read."""

    async def statuses(self, sagas: Sequence[UUID]) -> dict[UUID, SagaStatus]:
        """Reads these sagas; see `saga.ports.ledger.Ledger`."""


class EndWaiters:
    """Learns of ends from commits of this process and from notifications. Lookups from time to time make up for lost ones."""

    def __init__(self, ledger: Statuses, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._waiting: dict[UUID, list[asyncio.Future[SagaStatus | None]]] = {}
        self._unclaimed: OrderedDict[UUID, SagaStatus | None] = OrderedDict()
        self._lookups_due: CoarseTimers[asyncio.Future[SagaStatus | None]] = CoarseTimers(
            POLL_TICK_SECONDS, lambda end: _wake(end, None)
        )
        self._asked: dict[UUID, list[asyncio.Future[SagaStatus]]] = {}
        self._wanted = asyncio.Event()
        self._is_closed = False
        self._log = get_logger("saga.end_waiters")

    def all_ended(self, endings: Mapping[UUID, SagaStatus | None]) -> None:
        """These sagas have ended. Where the status is None, the waiters look it up."""
        for saga, status in endings.items():
            self.ended(saga, status)

    def ended(self, saga: UUID, status: SagaStatus | None) -> None:
        """A saga has ended."""
        waiting = self._waiting.pop(saga, None)
        if waiting is None:
            self._unclaimed[saga] = status
            if len(self._unclaimed) > UNCLAIMED_MAX:
                self._unclaimed.popitem(last=False)
            return
        for future in waiting:
            _wake(future, status)

    async def wait(self, saga: UUID, *, is_new: bool) -> SagaStatus:
        """Waits for the end of a saga. `is_new`: this process has just started it, so the first lookup can wait.

        Raises:
            NotFound: the saga does not exist, or was purged.
            UsageError: this process stops meanwhile.
        """
        pause = POLL_FIRST_SECONDS
        if is_new:
            status = await self._until_ended(saga, self._listen(saga), pause)
            if status is not None:
                return status
        while True:
            end = self._listen(saga)  # before the lookup, so that no end is lost in between
            status = await self._look_up(saga)
            if status.phase.is_terminal:
                self._forget(saga, end)
                return status
            status = await self._until_ended(saga, end, pause)
            if status is not None:
                return status
            pause = min(pause * POLL_FACTOR, POLL_CAP_SECONDS)

    def _listen(self, saga: UUID) -> asyncio.Future[SagaStatus | None]:
        end: asyncio.Future[SagaStatus | None] = asyncio.get_running_loop().create_future()
        if saga in self._unclaimed:
            end.set_result(self._unclaimed.pop(saga))
        else:
            self._waiting.setdefault(saga, []).append(end)
        return end

    async def _until_ended(
        self, saga: UUID, end: asyncio.Future[SagaStatus | None], seconds: float
    ) -> SagaStatus | None:
        tick = self._lookups_due.add(end, seconds)
        try:
            return await end
        finally:
            self._lookups_due.discard(tick, end)
            self._forget(saga, end)

    def _forget(self, saga: UUID, end: asyncio.Future[SagaStatus | None]) -> None:
        waiting = self._waiting.get(saga)
        if waiting is not None and end in waiting:
            waiting.remove(end)
            if not waiting:
                del self._waiting[saga]

    async def _look_up(self, saga: UUID) -> SagaStatus:
        if self._is_closed:
            raise _stopping(saga)
        answer: asyncio.Future[SagaStatus] = asyncio.get_running_loop().create_future()
        self._asked.setdefault(saga, []).append(answer)
        self._wanted.set()
        return await answer

    async def run(self) -> None:
        """Looks sagas up for their waiters, until cancelled."""
        try:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                while self._asked:
                    await self._answer(list(self._asked)[:BATCH_MAX])
        except asyncio.CancelledError:
            self._close()
            raise

    async def _answer(self, sagas: Sequence[UUID]) -> None:
        # A waiter that comes during the query gets an answer of its own: the saga may end during the query
        asked = {saga: self._asked.pop(saga) for saga in sagas}
        try:
            found = await self._ledger.statuses(sagas)
        except BaseException as error:
            for saga, answers in asked.items():
                self._asked.setdefault(saga, []).extend(answers)
            if not isinstance(error, SagaError):
                raise
            self._log.warning("cannot look up sagas", sagas=len(sagas), error=str(error))
            await self._clock.sleep(RETRY_SECONDS)
            return
        for saga, answers in asked.items():
            for answer in answers:
                if answer.done():
                    continue
                if saga in found:
                    answer.set_result(found[saga])
                else:
                    answer.set_exception(unknown_saga(saga))

    def _close(self) -> None:
        """Fails all waiters: a process that has stopped answers nobody."""
        self._is_closed = True
        for saga, answers in self._asked.items():
            for answer in answers:
                if not answer.done():
                    answer.set_exception(_stopping(saga))
        self._asked.clear()
        for waiting in self._waiting.values():
            for end in waiting:
                _wake(end, None)


def _wake(future: asyncio.Future[SagaStatus | None], status: SagaStatus | None) -> None:
    if not future.done():
        future.set_result(status)


def _stopping(saga: UUID) -> UsageError:
    return UsageError(f"this connection is closed: saga {saga} goes on without it; wait for it through another one")
