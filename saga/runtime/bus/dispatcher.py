"""Commands over a bus: published after the commit, admitted by a claim in the store, acknowledged right after that."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Final

from saga.core.rules.decision import Command, Decision
from saga.errors import SagaError, Unavailable
from saga.logger import get_logger
from saga.ports.adapter import StoreAdapter
from saga.ports.bus import Bus, Message, Subscription
from saga.ports.bus import Delivery as Delivered
from saga.ports.values.claim import Claim, DeliveredCommand
from saga.ports.values.start import Start
from saga.runtime.background import BackgroundLoops
from saga.runtime.bus import wire
from saga.runtime.bus.envelopes import Envelopes, Sending
from saga.runtime.bus.signing import KeyRing
from saga.runtime.claims.intake import Intake
from saga.runtime.planning.outcome_group import OutcomeGroup
from saga.runtime.planning.router import Router
from saga.runtime.planning.start_request import StartRequest

BATCH_MAX: Final = 256
OUTBOX_MAX: Final = 100_000
PUBLISH_MAX: Final = 1_000
RETRY_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class BusOptions:
    """Options of a bus: others that are read too, and keys; with keys, commands are signed, and unsigned ones refused."""

    also_read: Sequence[Bus] = ()
    keys: KeyRing | None = None


ALONE: Final = BusOptions()


class Dispatcher:
    """The bus is the fast path: the store redrives what it loses, and the claim refuses what it doubles.

    It publishes to the first of its buses and reads from all: while an installation moves from one bus to another, its processes read both.
    """

    def __init__(
        self,
        buses: Sequence[Bus],
        envelopes: Envelopes,
        adapter: StoreAdapter,
        router: Router,
        intake: Intake,
        background: BackgroundLoops,
    ) -> None:
        self._bus, *self._also_read = buses
        self._envelopes = envelopes
        self._adapter = adapter
        self._router = router
        self._intake = intake
        self._background = background
        self._outbox: list[Message] = []
        self._late: deque[tuple[float, Message]] = deque()  # could not be published, and is retried until this time
        self._wanted = asyncio.Event()
        self._has_late = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._readers: dict[tuple[int, str], asyncio.Task[None]] = {}
        self._log = get_logger("saga.bus")

    async def serve(self, services: Sequence[str]) -> None:
        """Reads the topics of these services on every bus, as a member of each service's group. A bus that is away is joined later."""
        for number, bus in enumerate((self._bus, *self._also_read)):
            for service in services:
                if (number, service) not in self._readers:
                    try:
                        await bus.ensure([self._envelopes.topic(service)], service)
                    except Unavailable as error:
                        self._log.warning("bus away, joining later", service=service, error=str(error))
                    self._start_reading(number, bus, service)

    def _start_reading(self, number: int, bus: Bus, service: str) -> None:
        """Starts a reader, unless the bus took so long that another call has started it, or that the service is left by now."""
        if (number, service) not in self._readers and service in self._router.own_services:
            loop = partial(self._read, bus, service)
            self._readers[number, service] = self._background.start(loop, f"reader of {service}")

    def publish(self, group: OutcomeGroup, commands: Sequence[Command]) -> None:
        claim = group.outcomes[0].claim if group.outcomes else None
        known = (None, group.trace) if claim is None else (claim.input, claim.trace)
        self._put(Sending(group.saga, group.graph, *known), commands)

    def publish_first(self, request: StartRequest, decision: Decision, start: Start) -> None:
        """Publishes the first commands of a saga that the start has not given to a process or a queue."""
        written = {dispatch.step for dispatch in start.dispatches}
        commands = [command for command in decision.commands if command.step not in written]
        self._put(Sending(request.saga, request.graph, request.input, request.trace), commands)

    def _put(self, sending: Sending, commands: Sequence[Command]) -> None:
        messages = (self._envelopes.closed(sending, command) for command in commands)
        self._outbox += [message for message in messages if message is not None]
        if len(self._outbox) > OUTBOX_MAX:
            self._log.warning("bus too slow, leaving commands to the redrive", commands=PUBLISH_MAX)
            del self._outbox[-PUBLISH_MAX:]  # the newest: the oldest may be on their way
        self._wanted.set()

    async def run(self) -> None:
        """Publishes new messages until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await self._publish_all()

    async def _publish_all(self) -> None:
        while self._outbox:
            batch = self._outbox[:PUBLISH_MAX]
            away = await self._publish(batch)
            if away is not None:
                self._log.warning("bus away, commands wait", commands=len(batch), error=str(away))
                until = self._loop.time() + self._adapter.options.redrive_seconds
                self._put_off([(until, message) for message in batch])
            del self._outbox[: len(batch)]  # only now: close() publishes again what a cancellation has interrupted

    async def run_late(self) -> None:
        """Retries messages that could not be published, until cancelled. Messages as old as a redrive are left to the redrive."""
        while True:
            await self._has_late.wait()
            await asyncio.sleep(RETRY_SECONDS)
            is_away = False
            while self._late and not is_away:
                batch = list(islice(self._late, PUBLISH_MAX))
                is_away = await self._publish([message for _, message in batch]) is not None
                for _ in batch:
                    self._late.popleft()
                if is_away:
                    self._put_off(batch)
            if not self._late:
                self._has_late.clear()

    def _put_off(self, batch: Sequence[tuple[float, Message]]) -> None:
        now, room = self._loop.time(), max(OUTBOX_MAX - len(self._late), 0)
        waiting = [late for late in batch if late[0] > now][:room]
        self._late += waiting
        self._has_late.set()
        if len(waiting) < len(batch):
            self._log.warning("bus away, leaving commands to the redrive", commands=len(batch) - len(waiting))

    async def _publish(self, batch: Sequence[Message]) -> Unavailable | None:
        """Returns the error of a bus that is away. Messages that it refuses for another reason are left to the redrive."""
        try:
            await self._bus.publish(batch)
        except Unavailable as error:
            return error
        except SagaError as error:
            self._log.warning(
                "bus refuses commands, leaving them to the redrive", commands=len(batch), error=str(error)
            )
        except Exception:  # noqa: BLE001 (trying these messages again and again would hold up all others)
            self._log.exception("bus failed, leaving commands to the redrive", commands=len(batch))
        return None

    async def stop_reading(self, services: Collection[str] | None = None) -> None:
        """Leaves the groups of these services, or of all services. Deliveries that are not acknowledged go to other members."""
        ended = [key for key in self._readers if services is None or key[1] in services]
        await self._background.cancel([self._readers.pop(key) for key in ended])

    async def close(self, timeout_seconds: float) -> None:
        """Publishes what is left, within that time, and closes the buses. `run` must have ended."""
        self._outbox[:0] = [message for _, message in self._late]
        self._late.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._publish_all()
        for bus in (self._bus, *self._also_read):
            try:
                await bus.close()
            except SagaError as error:
                self._log.warning("bus could not be closed", error=str(error))

    async def _read(self, bus: Bus, service: str) -> None:
        while True:
            try:
                await bus.ensure([self._envelopes.topic(service)], service)
                async with bus.subscribe([self._envelopes.topic(service)], service, limit=BATCH_MAX) as subscription:
                    await self._admit_all(service, subscription)
            except SagaError as error:
                self._log.warning("bus away", service=service, error=str(error))
            await asyncio.sleep(RETRY_SECONDS)

    async def _admit_all(self, service: str, subscription: Subscription) -> None:
        async for deliveries in subscription:
            waiting = deliveries
            while waiting:
                room = await self._intake.wait_for_room()  # more of them would only use up their leases
                await self._admit(service, waiting[:room])
                await subscription.ack(waiting[:room])
                waiting = waiting[room:]

    async def _admit(self, service: str, deliveries: Sequence[Delivered]) -> None:
        opened = [self._envelopes.opened(delivery.message, service) for delivery in deliveries]
        commands = [command for command in opened if command is not None]
        while commands:
            claiming = asyncio.ensure_future(self._claim(service, commands))
            try:
                self._intake.add(await asyncio.shield(claiming))
                break
            except Unavailable as error:
                self._log.warning("cannot admit commands", service=service, error=str(error))
                await asyncio.sleep(RETRY_SECONDS)
            except asyncio.CancelledError:
                # The claims that this call still makes are given back, rather than left to their leases
                with contextlib.suppress(SagaError):
                    self._intake.add(await claiming)
                raise

    async def _claim(self, service: str, commands: Sequence[wire.WireCommand]) -> list[Claim]:
        """Claims these commands. A claim that differs from what was signed is not run; its lease gives it back."""
        claims = await self._adapter.store.admit(
            [command.delivery for command in commands],
            [service] * len(commands),
            process=self._router.identity.number,
            first_claim=self._router.identity.reserve_claims(len(commands)),
            durable=True,
        )
        if not self._envelopes.are_signed:
            return claims
        asked = {command.delivery: command for command in commands}
        are_as_signed = [
            await self._envelopes.is_as_signed(asked[DeliveredCommand(w.saga, w.step, w.operation)], w) for w in claims
        ]
        return [claim for claim, is_as_signed in zip(claims, are_as_signed, strict=True) if is_as_signed]
