"""Who waits for the end of which saga. Their questions are asked together: one statement for all that have ended meanwhile."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import structlog

from saga.errors import NotFound, SagaError, UsageError
from saga.ports.clock import Clock
from saga.ports.ledger import Ledger
from saga.ports.values.notification import SagaStatus
from saga.runtime.timing.coarse_timers import CoarseTimers

POLL_FIRST_SECONDS: Final = 2.0
POLL_CAP_SECONDS: Final = 10.0
POLL_FACTOR: Final = 1.5
POLL_TICK_SECONDS: Final = 0.25  # who looks within one looks together
RETRY_SECONDS: Final = 0.5
BATCH_MAX: Final = 256
UNHEARD_MAX: Final = 10_000  # ends that nobody waited for yet; who waits for an older one looks after a while


class EndWaiters:
    """Hears of ends, by a commit of our own or a notification; a lost one is made up for by looking from time to time."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._waiting: dict[UUID, list[asyncio.Future[SagaStatus | None]]] = {}
        self._unheard: OrderedDict[UUID, SagaStatus | None] = OrderedDict()
        self._patient: CoarseTimers[asyncio.Future[SagaStatus | None]] = CoarseTimers(
            POLL_TICK_SECONDS, lambda heard: _wake(heard, None)
        )
        self._asked: dict[UUID, list[asyncio.Future[SagaStatus]]] = {}
        self._wanted = asyncio.Event()
        self._is_closed = False
        self._log = structlog.get_logger("saga.endings")

    def all_ended(self, endings: Mapping[UUID, SagaStatus | None]) -> None:
        """These sagas have ended. Where the status is None, the waiters look it up."""
        for saga, status in endings.items():
            self.ended(saga, status)

    def ended(self, saga: UUID, status: SagaStatus | None) -> None:
        """A saga has ended."""
        waiting = self._waiting.pop(saga, None)
        if waiting is None:
            self._unheard[saga] = status
            if len(self._unheard) > UNHEARD_MAX:
                self._unheard.popitem(last=False)
            return
        for future in waiting:
            _wake(future, status)

    async def wait(self, saga: UUID, *, is_new: bool) -> SagaStatus:
        """Return when the saga has ended. `is_new`: this process has just started it, so that there is nothing to look at yet.

        Raises:
            NotFound: it is not there (any more).
            UsageError: this process stops meanwhile.
        """
        pause = POLL_FIRST_SECONDS
        if is_new:
            told = await self._until_heard(saga, self._listen(saga), pause)
            if told is not None:
                return told
        while True:
            heard = self._listen(saga)  # before looking, so that no end falls between
            status = await self._look(saga)
            if status.phase.is_terminal:
                self._forget(saga, heard)
                return status
            told = await self._until_heard(saga, heard, pause)
            if told is not None:
                return told
            pause = min(pause * POLL_FACTOR, POLL_CAP_SECONDS)

    def _listen(self, saga: UUID) -> asyncio.Future[SagaStatus | None]:
        heard: asyncio.Future[SagaStatus | None] = asyncio.get_running_loop().create_future()
        if saga in self._unheard:
            heard.set_result(self._unheard.pop(saga))
        else:
            self._waiting.setdefault(saga, []).append(heard)
        return heard

    async def _until_heard(
        self, saga: UUID, heard: asyncio.Future[SagaStatus | None], seconds: float
    ) -> SagaStatus | None:
        tick = self._patient.add(heard, seconds)
        try:
            return await heard
        finally:
            self._patient.discard(tick, heard)
            self._forget(saga, heard)

    def _forget(self, saga: UUID, heard: asyncio.Future[SagaStatus | None]) -> None:
        waiting = self._waiting.get(saga)
        if waiting is not None and heard in waiting:
            waiting.remove(heard)
            if not waiting:
                del self._waiting[saga]

    async def _look(self, saga: UUID) -> SagaStatus:
        if self._is_closed:
            raise _stopping(saga)
        answer: asyncio.Future[SagaStatus] = asyncio.get_running_loop().create_future()
        self._asked.setdefault(saga, []).append(answer)
        self._wanted.set()
        return await answer

    async def run(self) -> None:
        """Look, for all who ask, until cancelled."""
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
        # Whoever asks from now on may mean what happens from now on: they get an answer of their own
        asked = {saga: self._asked.pop(saga) for saga in sagas}
        try:
            found = await self._ledger.statuses(sagas)
        except BaseException as error:
            for saga, answers in asked.items():
                self._asked.setdefault(saga, []).extend(answers)
            if not isinstance(error, SagaError):
                raise
            self._log.warning("cannot look at sagas", sagas=len(sagas), error=str(error))
            await self._clock.sleep(RETRY_SECONDS)
            return
        for saga, answers in asked.items():
            for answer in answers:
                if answer.done():
                    continue
                if saga in found:
                    answer.set_result(found[saga])
                else:
                    answer.set_exception(
                        NotFound(f"there is no saga {saga}: the id is wrong, or it ended and was purged")
                    )

    def _close(self) -> None:
        """Nobody is left waiting for a process that has stopped."""
        self._is_closed = True
        for saga, answers in self._asked.items():
            for answer in answers:
                if not answer.done():
                    answer.set_exception(_stopping(saga))
        self._asked.clear()
        for waiting in self._waiting.values():
            for heard in waiting:
                _wake(heard, None)


def _wake(future: asyncio.Future[SagaStatus | None], status: SagaStatus | None) -> None:
    if not future.done():
        future.set_result(status)


def _stopping(saga: UUID) -> UsageError:
    return UsageError(f"this connection is closed: saga {saga} goes on without it; wait for it through another one")
