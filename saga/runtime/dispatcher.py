"""Commands over an outside bus: published after the commit, admitted by a claim in the store, acknowledged right after that."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import structlog

from saga.core.decide import Command, Decision
from saga.core.graph import Graph
from saga.core.states import Operation
from saga.errors import ProtocolViolation, SagaError, Unavailable
from saga.ports.bus import Bus, Message, Subscription, topic_of
from saga.ports.bus import Delivery as Delivered
from saga.ports.store import StoreAdapter
from saga.ports.work import Delivery
from saga.runtime.intake import Intake
from saga.runtime.planning import Group
from saga.runtime.router import Router
from saga.runtime.starter import Order

BATCH_MAX: Final = 256
RETRY_SECONDS: Final = 0.5
FORMAT: Final = 1


class Dispatcher:
    """The bus is the fast path: what it loses, the store re-drives; what it doubles, the claim refuses."""

    def __init__(self, bus: Bus, adapter: StoreAdapter, router: Router, intake: Intake) -> None:
        self._bus = bus
        self._adapter = adapter
        self._router = router
        self._intake = intake
        self._outbox: list[Message] = []
        self._wanted = asyncio.Event()
        self._readers: dict[str, asyncio.Task[None]] = {}
        self._log = structlog.get_logger("saga.bus")

    def topic(self, service: str) -> str:
        return topic_of(self._adapter.options.namespace, service)

    async def serve(self, services: Sequence[str]) -> None:
        """Read the topics of these services, each as a member of its service's group; later, if the bus is away."""
        for service in services:
            if service not in self._readers:
                try:
                    await self._bus.ensure([self.topic(service)], service)
                except Unavailable as error:
                    self._log.warning("bus away, it is joined later", service=service, error=str(error))
                self._readers[service] = asyncio.create_task(self._read(service))

    def publish(self, group: Group, commands: Sequence[Command]) -> None:
        self._put(group.saga, group.graph, commands)

    def publish_first(self, order: Order, decision: Decision) -> None:
        commands = [c for c in decision.commands if self._router.owner(order.graph.steps[c.step].service) is None]
        self._put(order.saga, order.graph, commands)

    def _put(self, saga: UUID, graph: Graph, commands: Sequence[Command]) -> None:
        for command in commands:
            topic = self.topic(graph.steps[command.step].service)
            self._outbox.append(Message(topic, saga.bytes, encode(Delivery(saga, command.step, command.operation))))
        self._wanted.set()

    async def run(self) -> None:
        """Publish until cancelled; a batch that cannot be published is left to the re-drive."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            batch, self._outbox = self._outbox, []
            try:
                await self._bus.publish(batch)
            except SagaError as error:
                self._log.warning("bus away, commands are left to the re-drive", commands=len(batch), error=str(error))

    async def close(self) -> None:
        """Read no more, and give the bus back."""
        for reader in self._readers.values():
            reader.cancel()
        await asyncio.gather(*self._readers.values(), return_exceptions=True)
        await self._bus.close()

    async def _read(self, service: str) -> None:
        while True:
            try:
                await self._bus.ensure([self.topic(service)], service)
                async with self._bus.subscribe([self.topic(service)], service, limit=BATCH_MAX) as subscription:
                    await self._admit_all(service, subscription)
            except SagaError as error:
                self._log.warning("bus away", service=service, error=str(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def _admit_all(self, service: str, subscription: Subscription) -> None:
        async for deliveries in subscription:
            waiting = deliveries
            while waiting:
                room = await self._intake.room()  # more would wait while their leases run out
                await self._admit(service, waiting[:room])
                await subscription.ack(waiting[:room])
                waiting = waiting[room:]

    async def _admit(self, service: str, deliveries: Sequence[Delivered]) -> None:
        commands = [command for delivery in deliveries if (command := self._decoded(delivery.message)) is not None]
        while commands:
            try:
                works = await self._adapter.store.admit(
                    commands,
                    [service] * len(commands),
                    process=self._router.process,
                    first_claim=self._router.claims(len(commands)),
                    durable=True,
                )
                self._intake.take(works)
                break
            except Unavailable as error:
                self._log.warning("cannot admit", service=service, error=str(error))
                await asyncio.sleep(RETRY_SECONDS)

    def _decoded(self, message: Message) -> Delivery | None:
        try:
            return decode(message.body)
        except SagaError as error:
            self._log.error("message refused", topic=message.topic, error=str(error))
            return None


def encode(delivery: Delivery) -> bytes:
    """The body of a command."""
    return json.dumps(
        {"v": FORMAT, "saga": str(delivery.saga), "step": delivery.step, "op": delivery.operation.value}
    ).encode()


def decode(body: bytes) -> Delivery:
    """Read a command.

    Raises:
        ProtocolViolation: it is none.
    """
    try:
        document = json.loads(body)
        if document.get("v", FORMAT) != FORMAT:
            raise ValueError(f"format {document['v']!r}, this build reads {FORMAT}")
        step = document["step"]
        if not isinstance(step, int) or not 0 <= step < 2**15:
            raise ValueError(f"step {step!r}")
        return Delivery(UUID(document["saga"]), step, Operation(document["op"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ProtocolViolation(f"not a command: {type(error).__name__}: {error}"[:200]) from error
