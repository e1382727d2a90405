"""One process of an installation: the wiring of its parts, and its life from joining to leaving."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import Final

from saga.errors import SagaError
from saga.ports.adapter import StoreAdapter
from saga.ports.bus import Bus
from saga.ports.clock import Clock
from saga.ports.directory import Directory
from saga.ports.ledger import Ledger
from saga.ports.listing import Listing
from saga.runtime.background import BackgroundLoops
from saga.runtime.bus.dispatcher import ALONE, BusOptions, Dispatcher
from saga.runtime.bus.envelopes import Envelopes
from saga.runtime.bus.refusals import Refusals
from saga.runtime.claims.executor import Executor
from saga.runtime.claims.intake import Intake
from saga.runtime.claims.leases import LeaseRenewal
from saga.runtime.claims.poll_requests import PollRequests
from saga.runtime.claims.poller import Poller
from saga.runtime.commit.committer import Committer
from saga.runtime.commit.end_waiters import EndWaiters
from saga.runtime.commit.outcome_queue import OutcomeQueue
from saga.runtime.commit.sender import Sender
from saga.runtime.commit.starter import Starter
from saga.runtime.definition_cache import DefinitionCache
from saga.runtime.follow_up import FollowUp
from saga.runtime.handlers.loop_watch import LoopWatch
from saga.runtime.heartbeat import HeartbeatLoop
from saga.runtime.history_days import HistoryDays
from saga.runtime.identity import ProcessIdentity
from saga.runtime.leader_watch import LeaderWatch
from saga.runtime.planning.planner import CommitPlanner
from saga.runtime.planning.router import Router
from saga.runtime.redrive import Redriver
from saga.runtime.served_services import ServedServices
from saga.runtime.steps.runners import StepRunners
from saga.runtime.telemetry import SILENT, Telemetry
from saga.runtime.timing.store_clock import StoreClock

DRAIN_SECONDS: Final = 10.0
SHUTDOWN_SECONDS: Final = 5.0
"""Time for a process that stops, beyond its drain, to cut off steps that run on and to commit what is done."""
LEAVE_SECONDS: Final = 2.0
"""Time after that to publish what is left and to leave the list of members."""


class Process:
    """The runtime of one operating-system process. `stop` releases everything that it holds.

    The circle of a claim: `poller` -> `intake` -> `executor` -> a step runner -> `outcomes` -> `committer` -> `follow_up` -> `intake`.
    """

    name: str
    adapter: StoreAdapter
    clock: Clock
    telemetry: Telemetry
    background: BackgroundLoops
    definitions: DefinitionCache
    end_waiters: EndWaiters
    identity: ProcessIdentity
    store_clock: StoreClock
    refusals: Refusals
    outcomes: OutcomeQueue
    poll_requests: PollRequests
    intake: Intake
    poller: Poller
    router: Router
    dispatcher: Dispatcher | None
    starter: Starter
    sender: Sender
    runners: StepRunners
    executor: Executor
    heartbeat: HeartbeatLoop
    redriver: Redriver
    services: ServedServices
    loop_watch: LoopWatch

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
        self.adapter, self.clock, self.telemetry = adapter, clock, telemetry
        self.name = name or f"{socket.gethostname()}:{os.getpid()}"
        self.loop_watch, self.refusals = LoopWatch(), Refusals(clock)
        self.background, self.sender = BackgroundLoops(clock), Sender(adapter.inbox, adapter.ledger)
        self.definitions = definitions = DefinitionCache(adapter.directory)
        self.end_waiters = waiters = EndWaiters(adapter.ledger, clock)
        self.identity = identity = ProcessIdentity()
        self.store_clock = store_clock = StoreClock(clock)
        store, meter, lease_seconds = adapter.store, telemetry.meter, adapter.options.lease_seconds
        # In the order of the circle, which `intake.run_with` closes
        self.outcomes = outcomes = OutcomeQueue()
        self.poll_requests = requests = PollRequests(lease_seconds)
        self.intake = intake = Intake(clock, requests)
        self.poller = Poller(store, clock, identity, requests, intake, outcomes)
        self._leases = LeaseRenewal(store, clock, identity, intake, outcomes, lease_seconds)
        self.router = router = Router(clock, identity, intake, queues_commands=bus is None)
        envelopes = Envelopes(adapter.options.namespace, self.definitions, self.refusals, bus_options.keys, store_clock)
        self.dispatcher = dispatcher = (
            None
            if bus is None
            else Dispatcher((bus, *bus_options.also_read), envelopes, adapter, router, intake, self.background)
        )
        follow_up = FollowUp(clock, router, intake, requests, waiters, dispatcher, meter, lease_seconds)
        leaders = LeaderWatch(clock)
        planner = CommitPlanner(store_clock, router, leaders, lease_seconds)
        self._committer = Committer(store, clock, identity, outcomes, planner, follow_up, meter)
        self.starter = Starter(store, store_clock, router, lease_seconds, outcomes, follow_up, meter)
        self.runners = runners = StepRunners(adapter, store_clock, identity, planner, follow_up, telemetry, leaders)
        self.executor = Executor(
            adapter, store_clock, identity, definitions, outcomes, planner, follow_up, router, runners.engine
        )
        intake.run_with(self.executor)
        self.services = ServedServices(
            clock, adapter.membership, router, intake, self.poller, self.executor, dispatcher
        )
        self.heartbeat = HeartbeatLoop(
            self.name, adapter.membership, store_clock, router, leaders, intake, requests, waiters, follow_up, meter
        )
        redrive = adapter.options.redrive_seconds
        self.redriver = Redriver(store, store_clock, definitions, outcomes, router, redrive, leaders)

    async def start(self) -> None:
        """Joins the other processes and begins to work. Raises Unavailable."""
        await self.heartbeat.join()
        loops = [
            self.heartbeat.run,
            self.redriver.run,
            self._committer.run,
            self.starter.run,
            self.sender.sends.run,
            self.sender.statuses.run,
            self.runners.looks.run,
            self.poller.run,
            self._leases.run,
            self.end_waiters.run,
            HistoryDays(self.adapter.retention, self.clock, self.heartbeat.leader_watch).run,
            self.services.run,
        ]
        if self.dispatcher is not None:
            loops += [self.dispatcher.run, self.dispatcher.run_late]
        for loop in loops:
            _ = self.background.start(loop)

    async def stop(self, drain_seconds: float = DRAIN_SECONDS) -> None:
        """Accepts no more commands, finishes those that run, commits their outcomes, gives back the rest, and leaves.

        Running steps may take `drain_seconds`, everything else `SHUTDOWN_SECONDS`, whatever the handlers, the store and the bus do.
        """
        drains_until = self.clock.monotonic() + drain_seconds
        with contextlib.suppress(SagaError, TimeoutError):
            async with asyncio.timeout(drain_seconds + SHUTDOWN_SECONDS):
                if self.dispatcher is not None:
                    await self.dispatcher.stop_reading()
                self.executor.give_back(*await self.poller.drain(max(drains_until - self.clock.monotonic(), 0.0)))
                await self.outcomes.drained()
        await self.background.cancel()
        with contextlib.suppress(SagaError, TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                if self.dispatcher is not None:
                    await self.dispatcher.close(LEAVE_SECONDS / 2)
                await self.adapter.membership.leave()

    @property
    def number(self) -> int:
        """The number of this process in the list of members."""
        return self.identity.number

    @property
    def directory(self) -> Directory:
        return self.adapter.directory

    @property
    def ledger(self) -> Ledger:
        return self.adapter.ledger

    @property
    def listing(self) -> Listing:
        return self.adapter.listing

    @property
    def is_joined(self) -> bool:
        """True while the other processes see this one: it has a session with the store."""
        return self.background.is_running and not self.heartbeat.is_session_lost

    @property
    def store_trouble(self) -> str | None:
        """The reason why the store refused the last heartbeat, which writes, or could not be reached. None if it took the heartbeat."""
        return self.heartbeat.trouble

    @property
    def silent_seconds(self) -> float:
        """Seconds since the store last answered a heartbeat."""
        return self.clock.monotonic() - self.heartbeat.leader_watch.heartbeat_at
