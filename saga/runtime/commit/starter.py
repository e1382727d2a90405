"""Starts, committed in groups as outcomes are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

import structlog
from msgspec import Struct

from saga.core.definition.graph import Graph
from saga.core.rules import events as ev
from saga.core.rules.decide import decide
from saga.core.rules.decision import Decision
from saga.core.state.saga_state import initial_state
from saga.errors import Conflict, SagaError, Unavailable
from saga.ports.clock import Clock
from saga.ports.store import Store
from saga.ports.values.claim import Claim, CommandRef
from saga.ports.values.notification import Notifications
from saga.ports.values.start import Start, TakenKey
from saga.ports.values.write import Dispatch
from saga.runtime.claims.intake import Intake
from saga.runtime.planning.handover import is_small
from saga.runtime.planning.plan import Routes
from saga.runtime.planning.start_request import StartRequest
from saga.runtime.telemetry import SILENT, Meter
from saga.runtime.timing.coarse_timers import CoarseTimers
from saga.runtime.timing.wakeup import Wakeup

BATCH_MAX: Final = 256
STARTS_AT_ONCE: Final = 2
RETRY_FIRST_SECONDS: Final = 0.05
RETRY_CAP_SECONDS: Final = 2.0
LIMIT_TICK_SECONDS: Final = 0.25


class _Asked(Struct, eq=False):
    order: StartRequest
    answer: asyncio.Future[UUID]


class Starter:
    """Starts sagas; what falls to this very process is handed over without a detour."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        routes: Routes,
        lease_seconds: float,
        intake: Intake,
        publish: Callable[[StartRequest, Decision], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._routes = routes
        self._lease_seconds = lease_seconds
        self._intake = intake
        self._publish = publish
        self.store_clock = 0.0
        self.meter: Meter = SILENT.meter
        self._asked: list[_Asked] = []
        self._limits: CoarseTimers[_Asked] = CoarseTimers(LIMIT_TICK_SECONDS, _expire)
        self._first: dict[int, Decision] = {}  # by definition
        self._wanted = Wakeup()
        self._log = structlog.get_logger("saga.starter")

    async def start(self, order: StartRequest, timeout_seconds: float) -> UUID:
        """Start a saga; returns its id, or that of the saga which its key stands for already.

        Cancelling it leaves it unknown whether the saga was started: start again with the same key.

        Raises:
            Conflict: the key was used with another input.
            TimeoutError: the store has not answered in time; it is still being tried.
        """
        loop = asyncio.get_running_loop()
        asked = _Asked(order, loop.create_future())
        self._asked.append(asked)
        self._wanted.ring()
        tick = self._limits.add(asked, timeout_seconds)
        try:
            return await asked.answer
        finally:
            self._limits.discard(tick, asked)

    async def run(self) -> None:
        """Commit starts until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(STARTS_AT_ONCE):
                tasks.create_task(self._work())

    async def _work(self) -> None:
        while True:
            await self._wanted.wait()
            batch, self._asked = self._asked[:BATCH_MAX], self._asked[BATCH_MAX:]
            if self._asked:
                self._wanted.ring()
            if batch:
                await self._commit(batch)

    async def _commit(self, batch: Sequence[_Asked]) -> None:
        pause, again = RETRY_FIRST_SECONDS, False
        while True:
            notifications = Notifications()
            decided = [self._decided(asked.order) for asked in batch]
            starts = [
                start_of(asked.order, decision, self._routes, notifications)
                for asked, decision in zip(batch, decided, strict=True)
            ]
            sent_at, process = self._clock.monotonic(), self._routes.process
            self._tell_whole(batch, starts, notifications, sent_at + self._lease_seconds)
            try:
                taken = await self._store.start(starts, notifications, process=process, waiter=process, is_retry=again)
            except Unavailable as error:
                self._log.warning("start unknown, will look again", sagas=len(batch), error=str(error))
                again = True
                await self._clock.sleep(pause)
                pause = min(pause * 2, RETRY_CAP_SECONDS)
            except SagaError as error:
                await self._refuse(batch, error)
                return
            else:
                self.meter.wrote("starts", len(batch), self._clock.monotonic() - sent_at)
                self._answer(batch, decided, taken)
                if again:  # the lost answer may have been of a commit that made claims for us, under other numbers
                    self._intake.look(everything=True)
                else:
                    self._hand_over(batch, starts, taken, sent_at + self._lease_seconds)
                return

    def _decided(self, order: StartRequest) -> Decision:
        """The first decision: but for the deadline, that of every saga of the definition."""
        first = self._first.get(order.definition)
        if first is None:
            first = self._first[order.definition] = first_decision(order.graph, 0.0)
        seconds = order.graph.deadline_seconds
        if seconds is None:
            return first
        state = first.state.due(self.store_clock + self._clock.monotonic() + seconds)
        return Decision(state, first.changed, first.commands, first.entries)

    def _answer(self, batch: Sequence[_Asked], decided: Sequence[Decision], taken: Sequence[TakenKey]) -> None:
        others = {entry.position: entry for entry in taken}
        for position, asked in enumerate(batch):
            other = others.get(position)
            if other is not None and not other.is_same_input:
                _fail(asked, Conflict(_other_input(asked.order, other.saga)))
            elif not asked.answer.done():
                asked.answer.set_result(asked.order.saga if other is None else other.saga)
            if other is None:
                self.meter.started(asked.order.graph)
                self._publish(asked.order, decided[position])

    def _tell_whole(
        self, batch: Sequence[_Asked], starts: Sequence[Start], notifications: Notifications, lease_ends: float
    ) -> None:
        process, clock = self._routes.process, self.store_clock
        for asked, start in zip(batch, starts, strict=True):
            for dispatch in start.dispatches:
                if dispatch.owner is not None and dispatch.owner != process and is_small(start.input, {}):
                    claim = _first_work(asked.order, start, dispatch, lease_ends, process, clock)
                    notifications.claims.setdefault(dispatch.owner, []).append(claim)

    def _hand_over(
        self, batch: Sequence[_Asked], starts: Sequence[Start], taken: Sequence[TakenKey], lease_ends: float
    ) -> None:
        others = {entry.position for entry in taken}
        process, clock = self._routes.process, self.store_clock
        claims = [
            _first_work(asked.order, start, dispatch, lease_ends, process, clock)
            for position, (asked, start) in enumerate(zip(batch, starts, strict=True))
            for dispatch in start.dispatches
            if dispatch.owner == process and position not in others
        ]
        if claims:
            self._intake.take(claims)

    async def _refuse(self, batch: Sequence[_Asked], error: SagaError) -> None:
        if len(batch) == 1:
            _fail(batch[0], error)
            return
        for asked in batch:
            await self._commit([asked])


def _expire(asked: _Asked) -> None:
    _fail(asked, TimeoutError())


def _fail(asked: _Asked, error: Exception) -> None:
    if not asked.answer.done():
        asked.answer.set_exception(error)


def _other_input(order: StartRequest, saga: UUID) -> str:
    return (
        f"the start key {order.key!r} of {order.graph.name} belongs to saga {saga}, which was started with another input: "
        "use a new key for a new order, or the same input to find the saga again"
    )


def first_decision(graph: Graph, now: float) -> Decision:
    """E1: what a new saga calls for. The store counts the deadline from its own clock; `now` is a good guess at that."""
    return decide(graph, initial_state(graph, now=now), [ev.Started()], now=now, jitter=0.0, enforce_deadline=False)


def start_of(
    order: StartRequest, decision: Decision, routes: Routes, notifications: Notifications, *, assign: bool = True
) -> Start:
    """The store's terms for a new saga. `assign` False leaves its commands to the queues (nobody knows when the caller commits)."""
    graph = order.graph
    dispatches: list[Dispatch] = []
    for command in decision.commands:
        service = graph.steps[command.step].service
        owner = routes.owner(service) if assign else None
        if owner is None and assign and not routes.queues_commands:
            continue
        claim = None if owner is None else routes.next_claim()
        dispatches.append(Dispatch(command.step, command.operation, service, owner, claim, 0.0))
        if owner is None:
            notifications.services.add(service)
        elif owner != routes.process:
            notifications.claim_refs.setdefault(owner, []).append(CommandRef(order.saga, command.step))
    return Start(
        saga=order.saga,
        definition=order.definition,
        definition_name=graph.name,
        state=decision.state,
        deadline_seconds=graph.deadline_seconds,
        input=order.input,
        key=order.key,
        input_hash=order.input_hash,
        tags=order.tags,
        dispatches=dispatches,
        entries=decision.entries,
        trace=order.trace,
    )


def _first_work(
    order: StartRequest, start: Start, dispatch: Dispatch, lease_ends: float, waiter: int, store_clock: float
) -> Claim:
    assert dispatch.claim is not None  # noqa: S101 (it has an owner)
    return Claim(
        saga=order.saga,
        step=dispatch.step,
        operation=dispatch.operation,
        number=dispatch.claim,
        definition=order.definition,
        version=1,
        state=start.state,
        waiter=waiter,
        input=order.input,
        results={},
        deliveries=1,
        failures=0,
        first_failed_ago=0.0,
        lease_ends=lease_ends,
        quiet_at=0.0,
        progress=None,
        store_clock=store_clock,
        trace=order.trace,
    )
