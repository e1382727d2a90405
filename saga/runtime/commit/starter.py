"""Starts sagas in groups, as the committer does with outcomes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Final
from uuid import UUID

from msgspec import Struct

from saga.core.condition.facts import Facts
from saga.core.rules import events as ev
from saga.core.rules.decision import Decision
from saga.errors import Closed, Conflict, InputRefused, Locked, SagaError, ServerFailed, Unavailable
from saga.logger import get_logger
from saga.ports.store import Store
from saga.ports.values.caller_transaction import CallerTransaction
from saga.ports.values.claim import Claim
from saga.ports.values.notification import Notifications
from saga.ports.values.start import Start, TakenKey
from saga.ports.values.write import Dispatch
from saga.runtime.after_commit import AfterStart
from saga.runtime.commit.backoff import Backoff
from saga.runtime.commit.caller_transaction import driver_connection
from saga.runtime.commit.outcome_queue import OutcomeQueue, count_that_fits
from saga.runtime.planning.assignment import Routes
from saga.runtime.planning.new_claim import new_claim
from saga.runtime.planning.outcome_group import OutcomeGroup
from saga.runtime.planning.start_plan import first_decision, is_undecided, start_of
from saga.runtime.planning.start_request import StartRequest
from saga.runtime.telemetry import Meter
from saga.runtime.timing.coarse_timers import CoarseTimers
from saga.runtime.timing.store_clock import StoreClock
from saga.runtime.timing.wakeup import Wakeup

BATCH_MAX: Final = 256
STARTS_AT_ONCE: Final = 2
APART_AT_ONCE: Final = 2  # attempts at once for starts that are committed apart
TIMEOUT_TICK_SECONDS: Final = 0.25


class _PendingStart(Struct, eq=False):
    request: StartRequest
    answer: asyncio.Future[UUID]
    error: str = ""  # why it was not committed yet


class Starter:
    """Commits starts. If this process gets the first step, its claim is handed over from memory."""

    def __init__(  # noqa: PLR0913, PLR0917 (wired in one place)
        self,
        store: Store,
        clock: StoreClock,
        routes: Routes,
        lease_seconds: float,
        outcomes: OutcomeQueue,
        after_start: AfterStart,
        meter: Meter,
    ) -> None:
        self._store = store
        self._outcomes = outcomes
        self._clock = clock
        self._routes = routes
        self._lease_seconds = lease_seconds
        self._after_start = after_start
        self._meter = meter
        self._pending: list[_PendingStart] = []
        self._timeouts: CoarseTimers[_PendingStart] = CoarseTimers(TIMEOUT_TICK_SECONDS, _time_out)
        self._first: dict[int, Decision] = {}  # by the number of the definition
        self._wanted = Wakeup()
        self._apart = asyncio.Semaphore(APART_AT_ONCE)
        self._tasks = asyncio.TaskGroup()
        self._log = get_logger("saga.starter")

    async def start(self, request: StartRequest, timeout_seconds: float) -> UUID:
        """Starts a saga. Returns its id, or the id of the saga that its key already belongs to.

        If the call is cancelled, the saga may have been started or not: start it again with the same key.

        Raises:
            Conflict: the key was used with another input.
            TimeoutError: the store has not answered in time, for the reason in its text; the start may still be retried.
            InputRefused: the store cannot hold the input, the key or the tags.
        """
        loop = asyncio.get_running_loop()
        pending = _PendingStart(request, loop.create_future())
        self._pending.append(pending)
        self._wanted.ring()
        tick = self._timeouts.add(pending, timeout_seconds)
        try:
            return await pending.answer
        finally:
            self._timeouts.discard(tick, pending)

    async def start_within(self, request: StartRequest, tx: CallerTransaction) -> UUID:
        """Starts a saga within the caller's transaction. Returns what `start` returns.

        Raises:
            UsageError: `tx` is not a transaction of the store's database.
            Conflict: the key was used with another input.
            InputRefused: the store cannot hold the input, the key or the tags.
            Unavailable: the connection is lost, or the server failed; the caller's transaction cannot be committed.
        """
        connection = await driver_connection(tx)
        notifications = Notifications()
        decision = first_decision(request.graph, self._clock.now(), Facts(request.input))
        start = start_of(request, decision, self._routes, notifications, assign=False)
        process = self._routes.identity.number
        taken = await self._store.start(
            [start], notifications, process=process, waiter=process, is_retry=False, connection=connection
        )
        if not taken:
            return request.saga
        if not taken[0].is_same_input:
            raise Conflict(_other_input(request, taken[0].saga))
        return taken[0].saga

    async def run(self) -> None:
        """Commits starts until cancelled."""
        async with asyncio.TaskGroup() as self._tasks:
            for _ in range(STARTS_AT_ONCE):
                self._tasks.create_task(self._work())

    async def _work(self) -> None:
        while True:
            await self._wanted.wait()
            count = count_that_fits([len(pending.request.input) for pending in self._pending[:BATCH_MAX]])
            batch, self._pending = self._pending[:count], self._pending[count:]
            if self._pending:
                self._wanted.ring()
            if batch:
                await self._commit(batch)

    async def _commit(self, batch: Sequence[_PendingStart], *, is_retry: bool = False, is_apart: bool = False) -> None:
        """Commits until the store has answered. If it may have failed because of one of several starts, each goes on apart."""
        backoff = Backoff(self._clock, is_retry=is_retry)
        while True:
            notifications = Notifications()
            decided = [self._decision(pending.request) for pending in batch]
            starts = [
                start_of(pending.request, decision, self._routes, notifications)
                for pending, decision in zip(batch, decided, strict=True)
            ]
            sent_at, process = self._clock.monotonic(), self._routes.identity.number
            self._add_inline(batch, starts, notifications, sent_at + self._lease_seconds)
            try:
                async with self._apart if is_apart else nullcontext():
                    taken = await self._store.start(
                        starts, notifications, process=process, waiter=process, is_retry=backoff.is_retry
                    )
            except (InputRefused, Closed) as error:
                await self._refuse(batch, error, is_retry=backoff.is_retry)
                return
            except SagaError as error:  # the starts may have been committed
                if not await self._wait(batch, error, backoff, is_apart=is_apart):
                    return
            except Exception as error:  # noqa: BLE001 (whatever it is, callers wait for an answer)
                self._log.exception("start failed for a reason that nobody foresaw", sagas=len(batch))
                await self._refuse(
                    batch, Unavailable(f"the start failed, and may have happened ({error!r})"), is_retry=True
                )
                return
            else:
                self._meter.wrote("starts", len(batch), self._clock.monotonic() - sent_at)
                self._answer(batch, decided, starts, taken)
                if backoff.is_retry:  # an earlier attempt may have made claims for this process, under other numbers
                    self._after_start.recovered()
                else:
                    self._hand_over(batch, starts, taken, sent_at + self._lease_seconds)
                return

    async def _wait(
        self, batch: Sequence[_PendingStart], error: SagaError, backoff: Backoff, *, is_apart: bool
    ) -> bool:
        """Waits before the next attempt. False: there is none here, since each start goes on apart, or the caller has given up."""
        self._log.warning("start unknown, retrying", sagas=len(batch), error=str(error))
        for pending in batch:
            pending.error = str(error)
        if isinstance(error, ServerFailed | Locked) and not is_apart:  # perhaps because of one of them
            for pending in batch:
                self._tasks.create_task(self._commit([pending], is_retry=True, is_apart=True))
            return False
        await backoff.pause()
        return not (is_apart and batch[0].answer.done())

    def _decision(self, request: StartRequest) -> Decision:
        """The first decision. Without conditions it is, except for the deadline, the same for every saga of a definition, and made once."""
        first = self._first.get(request.definition)
        if first is None:
            first = first_decision(request.graph, 0.0, Facts(request.input))
            if request.graph.is_static:
                self._first[request.definition] = first
        seconds = request.graph.deadline_seconds
        if seconds is None:
            return first
        return Decision(
            first.state.with_deadline(self._clock.now() + seconds), first.changed, first.commands, first.entries
        )

    def _answer(
        self,
        batch: Sequence[_PendingStart],
        decided: Sequence[Decision],
        starts: Sequence[Start],
        taken: Sequence[TakenKey],
    ) -> None:
        taken_at = {key.position: key for key in taken}
        for position, pending in enumerate(batch):
            key = taken_at.get(position)
            if key is not None and not key.is_same_input:
                _fail(pending, Conflict(_other_input(pending.request, key.saga)))
            elif not pending.answer.done():
                pending.answer.set_result(pending.request.saga if key is None else key.saga)
            if key is None:
                self._meter.started(pending.request.graph)
                self._after_start.started(pending.request, decided[position], starts[position])
                if is_undecided(decided[position]):
                    self._outcomes.add(self._as_it_begins(pending.request, decided[position]))

    def _as_it_begins(self, request: StartRequest, decision: Decision) -> OutcomeGroup:
        """The redrive of a saga that is rejected at once."""
        return OutcomeGroup(
            saga=request.saga,
            graph=request.graph,
            version=1,
            state=decision.state,
            waiter=self._routes.identity.number,
            store_clock=self._clock.offset,
            outcomes=[],
            extra=(ev.Redriven(),),
            trace=request.trace,
            facts=Facts(request.input),
        )

    def _add_inline(
        self, batch: Sequence[_PendingStart], starts: Sequence[Start], notifications: Notifications, lease_ends: float
    ) -> None:
        process = self._routes.identity.number
        for pending, start in zip(batch, starts, strict=True):
            for dispatch in start.dispatches:
                if dispatch.owner is not None and dispatch.owner != process:
                    claim = self._first_claim(pending.request, start, dispatch, lease_ends)
                    notifications.claims.setdefault(dispatch.owner, []).append(claim)

    def _hand_over(
        self, batch: Sequence[_PendingStart], starts: Sequence[Start], taken: Sequence[TakenKey], lease_ends: float
    ) -> None:
        taken_at = {key.position for key in taken}
        process = self._routes.identity.number
        claims = [
            self._first_claim(pending.request, start, dispatch, lease_ends)
            for position, (pending, start) in enumerate(zip(batch, starts, strict=True))
            for dispatch in start.dispatches
            if dispatch.owner == process and position not in taken_at
        ]
        if claims:
            self._after_start.handed_over(claims)

    def _first_claim(self, request: StartRequest, start: Start, dispatch: Dispatch, lease_ends: float) -> Claim:
        assert dispatch.claim is not None  # noqa: S101 (it has an owner)
        return new_claim(
            request,
            dispatch,
            dispatch.claim,
            version=1,
            state=start.state,
            waiter=self._routes.identity.number,
            results={},
            lease_ends=lease_ends,
            store_clock=self._clock.offset,
        )

    async def _refuse(self, batch: Sequence[_PendingStart], error: SagaError, *, is_retry: bool) -> None:
        if len(batch) == 1:
            _fail(batch[0], error)
            return
        for pending in batch:
            await self._commit([pending], is_retry=is_retry)


def _time_out(pending: _PendingStart) -> None:
    _fail(pending, TimeoutError(pending.error))


def _fail(pending: _PendingStart, error: Exception) -> None:
    if not pending.answer.done():
        pending.answer.set_exception(error)


def _other_input(request: StartRequest, saga: UUID) -> str:
    return (
        f"the start key {request.key!r} of {request.graph.name} belongs to saga {saga}, which was started with another input: "
        "use a new key for a new saga, or the same input to find the saga again"
    )
