"""One process in the fabric: alive in the eyes of the others, starting sagas, serving steps, looking after what is due."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
from collections.abc import Callable, Coroutine, Sequence
from typing import Final
from uuid import UUID

import structlog

from saga.core.definition.graph import Graph
from saga.core.ids import uuid7_ms
from saga.core.rules import events as ev
from saga.core.rules.decision import Decision
from saga.core.rules.pivot import is_pivot_passed
from saga.core.state.phase import Phase
from saga.errors import DefinitionError, SagaError
from saga.ports.adapter import StoreAdapter
from saga.ports.bus import Bus
from saga.ports.clock import Clock
from saga.ports.membership import ProcessListener
from saga.ports.values.claim import Claim, CommandRef
from saga.ports.values.overdue import OverdueSaga
from saga.runtime.bus.dispatcher import ALONE, BusOptions, Dispatcher
from saga.runtime.bus.envelopes import Envelopes
from saga.runtime.bus.refusals import Refusals
from saga.runtime.claims.executor import Executor
from saga.runtime.claims.intake import Intake
from saga.runtime.commit.committer import Committer
from saga.runtime.commit.end_waiters import EndWaiters
from saga.runtime.commit.starter import Starter
from saga.runtime.definition_cache import DefinitionCache
from saga.runtime.planning.handover import handed_over, standing_of
from saga.runtime.planning.plan import CommitPlan, OutcomeGroup
from saga.runtime.planning.router import Router
from saga.runtime.planning.start_request import StartRequest
from saga.runtime.telemetry import SILENT, Telemetry

BEAT_IDLE_SECONDS: Final = 1.0
BEAT_BUSY_SECONDS: Final = 0.15
BUSY_FOR_SECONDS: Final = 10.0  # after the last outcome
REJOIN_SECONDS: Final = 0.5
OVERDUE_MAX: Final = 200
LOOK_SECONDS_MAX: Final = 3_600.0
LATE_SECONDS: Final = 1.0  # a saga whose deadline has passed is looked at so often until somebody has decided
UUID_TIMED: Final = 7  # the version that carries the moment of the start
LEADER_SILENT_SECONDS: Final = 5.0
DRAIN_SECONDS: Final = 10.0


class Process:
    """The runtime of one operating-system process. Everything it holds is given back by `stop`."""

    def __init__(
        self,
        adapter: StoreAdapter,
        clock: Clock,
        bus: Bus | None = None,
        *,
        bus_options: BusOptions = ALONE,
        name: str | None = None,
        telemetry: Telemetry = SILENT,
    ) -> None:
        self.adapter = adapter
        self.clock = clock
        self.name = name or f"{socket.gethostname()}:{os.getpid()}"
        options = adapter.options
        self.definitions = DefinitionCache(adapter.directory)
        self.router = Router(clock, queues_commands=bus is None, has_room=self._has_room)
        self.committer = Committer(
            adapter, clock, self.router, self._committed, self._is_deadline_enforced, self._look_again
        )
        self.executor = Executor(
            adapter, clock, self.definitions, self.committer, lambda: self.router.process, self._committed
        )
        self.intake = Intake(
            adapter.store, clock, self.router, self.executor.run, self.committer.unsettled, options.lease_seconds
        )
        self.starter = Starter(adapter.store, clock, self.router, options.lease_seconds, self.intake, self._started)
        self.refusals = Refusals(clock)
        envelopes = Envelopes(options.namespace, self.definitions, self.refusals, bus_options.keys, self.store_now)
        self.dispatcher = (
            None
            if bus is None
            else Dispatcher(bus, bus_options.also_read, envelopes, adapter, self.router, self.intake)
        )
        self.endings = EndWaiters(adapter.ledger, clock)
        self.telemetry = telemetry
        self.executor.show(telemetry)
        self.committer.meter = self.starter.meter = telemetry.meter
        self.services: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._beat_now = asyncio.Event()
        self._is_lost = False
        self._beat_at = float("-inf")
        self._leader_seen_at = float("-inf")
        self._patient_until = float("-inf")
        self._active_at = float("-inf")
        self._log = structlog.get_logger("saga.process")

    # -- life -----------------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Join the others and begin to work. Raises Unavailable."""
        await self._join()
        loops = [
            self._beats,
            self._look_after,
            self.committer.run,
            self.starter.run,
            self.intake.run,
            self.intake.keep_leases,
            self.endings.run,
        ]
        if self.dispatcher is not None:
            loops += [self.dispatcher.run, self.dispatcher.run_late]
        self._tasks = [asyncio.create_task(self._keep_going(loop)) for loop in loops]

    async def serve(self, services: Sequence[str], capacity: int, *, durable: bool) -> None:
        """Take commands of these services, besides those served already."""
        self.services = sorted({*self.services, *services})
        self.router.serve(services)
        if self.dispatcher is not None:
            await self.dispatcher.serve(services)
        await self.adapter.membership.announce(services, self.intake.capacity + capacity)
        self.intake.serve(services, capacity, durable=durable)

    async def broken(self) -> None:
        """Wait until one of the loops ends. None does by itself: raises what broke it."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def stop(self, drain_seconds: float = DRAIN_SECONDS) -> None:
        """Take nothing more, finish what runs, commit what is done, give the rest back to the others, and go."""
        if self.dispatcher is not None:
            await self.dispatcher.stop_reading()
        self.executor.give_back(await self.intake.drain(drain_seconds))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(drain_seconds):
                await self.committer.drained()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.dispatcher is not None:
            await self.dispatcher.close(drain_seconds)
        with contextlib.suppress(SagaError, TimeoutError):
            await self.adapter.membership.leave()

    async def _keep_going(self, loop: Callable[[], Coroutine[None, None, None]]) -> None:
        """A loop that dies of a fault of ours begins again; what it had in hand, the leases bring back."""
        while True:
            try:
                await loop()
            except Exception:  # noqa: BLE001 (whatever it is, the others must not stand still)
                self._log.exception("loop died, beginning again", loop=loop.__qualname__)
                await self.clock.sleep(REJOIN_SECONDS)

    async def _join(self) -> None:
        listener = ProcessListener(
            on_claim_refs=self.intake.given,
            on_claims=self.intake.told,
            on_queue=lambda _: self.intake.look(),
            on_ended=self.endings.heard,
            on_peers_changed=self._beat_now.set,
            on_session_lost=self._on_lost,
        )
        self._is_lost = False
        self.router.enter(
            await self.adapter.membership.join(self.name, self.services, max(self.intake.capacity, 1), listener)
        )
        await self._beat(full=True)

    def _on_lost(self) -> None:
        self._is_lost = True
        self._beat_now.set()

    # -- being alive ----------------------------------------------------------------------------------------------------------

    async def _beats(self) -> None:
        full_at = self.clock.monotonic()
        while True:
            await self._pause()
            self._beat_now.clear()
            try:
                if self._is_lost:
                    await self._join()
                    self.intake.look(everything=True)
                    self._log.info("joined again", process=self.router.process)
                is_full = self.clock.monotonic() >= full_at
                await self._beat(full=is_full)
                if is_full:
                    full_at = self.clock.monotonic() + BEAT_IDLE_SECONDS
            except SagaError as error:  # a wrong password in the middle of a change, too: it may be right again soon
                if not self._is_lost:
                    self._log.warning("store away", error=str(error))
                self._is_lost = True
                await self.clock.sleep(REJOIN_SECONDS)

    async def _pause(self) -> None:
        was_active = self.clock.monotonic() - self._active_at < BUSY_FOR_SECONDS
        is_busy = self.intake.in_flight > 0 or was_active or self.router.is_peer_busy()
        seconds = BEAT_BUSY_SECONDS if is_busy else BEAT_IDLE_SECONDS
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._beat_now.wait()

    async def _beat(self, *, full: bool) -> None:
        self.intake.pace()
        beat = await self.adapter.membership.heartbeat(self.intake.load, full=full)
        now = self.clock.monotonic()
        self.router.hear(beat.peers)
        self.starter.store_clock = self.committer.store_clock = beat.store_clock
        self._beat_at = now
        if beat.leader_seen_ago_seconds is not None:
            seen_at = now - beat.leader_seen_ago_seconds
            if LEADER_SILENT_SECONDS < seen_at - self._leader_seen_at < float("inf"):
                self._patient_until = now + LEADER_SILENT_SECONDS  # it extends deadlines first
            self._leader_seen_at = seen_at
        if beat.has_due:
            self.intake.look()
        if beat.released:
            self.telemetry.meter.released(beat.released)
            self._log.warning("claims of dead processes are free again", claims=beat.released)

    @property
    def is_joined(self) -> bool:
        """Whether the others see this process: its session with the store is there."""
        return bool(self._tasks) and not self._is_lost

    @property
    def silent_seconds(self) -> float:
        """How long ago the store has answered a heartbeat."""
        return self.clock.monotonic() - self._beat_at

    @property
    def is_running(self) -> bool:
        """Whether every loop of it is there. None ends by itself."""
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    def store_now(self) -> float:
        """Seconds since the epoch on the store's clock, as far as we know."""
        return self.starter.store_clock + self.clock.monotonic()

    def _is_deadline_enforced(self) -> bool:
        """A deadline that passes while the store or every leader is away may be the fault of the outage: then the leader decides."""
        now = self.clock.monotonic()
        silence = now - min(self._beat_at, self._leader_seen_at)
        return silence < LEADER_SILENT_SECONDS and now >= self._patient_until

    def _look_again(self) -> None:
        self.intake.look(everything=True)

    def _has_room(self, service: str) -> bool:
        return self.intake.has_room(service)

    # -- looking after --------------------------------------------------------------------------------------------------------

    async def _look_after(self) -> None:
        """E11: redrive the sagas that involve our services. The supervisor does it for those whose services are all gone."""
        redrive_seconds = self.adapter.options.redrive_seconds
        while True:
            await self.clock.sleep(redrive_seconds / 6 * (0.5 + random.random()))  # noqa: S311 (so that peers take turns)
            if self.services:
                try:
                    await self.look_after(self.services)
                except SagaError as error:
                    self._log.warning("cannot look after sagas", error=str(error))

    async def look_after(self, services: Sequence[str] | None) -> int:
        """Decide what is overdue; returns how many sagas that were."""
        found = await self.adapter.store.overdue(OVERDUE_MAX, services)
        await self.look_at(found, _events_for)
        return len(found)

    async def look_at(
        self, found: Sequence[OverdueSaga], events_for: Callable[[OverdueSaga], Sequence[ev.Event]]
    ) -> set[UUID]:
        """Decide these, each with the events that are made for it. Returns when that is committed, those that could be decided."""
        groups: list[OutcomeGroup] = []
        for entry in found:
            try:
                groups.append(await self.group_for(entry, events_for(entry)))
            except DefinitionError as error:  # of a newer version, or broken: the others must not wait for it
                self._log.error("saga cannot be looked after", saga=str(entry.saga), error=str(error))
        await asyncio.gather(*map(self.committer.settle, groups))
        return {group.saga for group in groups}

    async def group_for(self, entry: OverdueSaga, events: Sequence[ev.Event]) -> OutcomeGroup:
        """A group without outcomes, for events that come from outside a claim."""
        graph = await self.definitions.graph(entry.definition)
        return OutcomeGroup(
            saga=entry.saga,
            graph=graph,
            version=entry.version,
            state=entry.state,
            waiter=entry.waiter,
            store_clock=entry.store_clock,
            outcomes=[],
            trace=entry.trace,
            extra=events,
            wake_seconds=self._next_look(entry, graph, events),
        )

    def _next_look(self, entry: OverdueSaga, graph: Graph, events: Sequence[ev.Event]) -> float:
        """When the saga is looked after again, in seconds: at its deadline at the latest.

        Where commands are rows of the store nothing can be lost: a saga that has waited for long is looked after rarely. An outside bus
        may lose a command of an old saga too; and one that is abandoned ends by being looked at.
        """
        now, state = entry.store_clock + self.clock.monotonic(), entry.state
        seconds = self.adapter.options.redrive_seconds
        is_abandoned = state.phase is Phase.ABANDONING or any(isinstance(event, ev.Abandoned) for event in events)
        if self.dispatcher is None and entry.saga.version == UUID_TIMED and not is_abandoned:
            seconds = min(max(seconds, now - uuid7_ms(entry.saga) / 1_000), LOOK_SECONDS_MAX)
        if state.deadline is None or state.phase is not Phase.RUNNING or is_pivot_passed(graph, state.vector):
            return seconds
        deadline = state.deadline + sum(event.by_seconds for event in events if isinstance(event, ev.Extended))
        return min(seconds, max(deadline - now, LATE_SECONDS))

    # -- after a commit -------------------------------------------------------------------------------------------------------

    def _committed(self, group: OutcomeGroup, made: CommitPlan) -> None:
        self._active_at = self.clock.monotonic()
        self.telemetry.meter.committed(group, made)
        lease_ends = made.sent_at + self.adapter.options.lease_seconds
        claims: list[Claim] = []
        refs: list[CommandRef] = []
        for dispatch in made.handovers:
            found = handed_over(group, made, dispatch, lease_ends)
            claims.append(found) if isinstance(found, Claim) else refs.append(found)
        self.intake.settled()
        if claims:
            self.intake.take(claims)
        if refs:
            self.intake.given(refs)
        for service, seconds in made.timers:
            if service in self.services:
                self.intake.look_in(seconds)
        if made.messages and self.dispatcher is not None:
            self.dispatcher.publish(group, made.messages)
        if made.is_ending:
            self._report_end(group, made)

    def _report_end(self, group: OutcomeGroup, made: CommitPlan) -> None:
        state = made.write.state
        self._log.info(
            "saga ended",
            saga=str(group.saga),
            definition=group.graph.name,
            outcome=state.phase.name.lower(),
            reason=state.reason,
        )
        if group.waiter == self.router.process:
            self.endings.ended(group.saga, standing_of(group, made))

    def _started(self, order: StartRequest, decision: Decision) -> None:
        self._active_at = self.clock.monotonic()
        if self.dispatcher is not None:
            self.dispatcher.publish_first(order, decision)


def _events_for(entry: OverdueSaga) -> list[ev.Event]:
    quiet = [
        ev.Quiet(step)
        for step, letter in enumerate(entry.state.vector)
        if letter == "G" and step not in entry.claimed and step not in entry.unquiet
    ]
    return [*quiet, ev.Redriven(entry.held)]
