"""The services that a process serves: added, left, and held up while all their handlers hang."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from saga.errors import SagaError, UsageError
from saga.logger import get_logger
from saga.ports.clock import Clock
from saga.ports.membership import Membership
from saga.runtime.bus.dispatcher import Dispatcher
from saga.runtime.claims.executor import Executor
from saga.runtime.claims.intake import Intake
from saga.runtime.claims.poller import Poller
from saga.runtime.handlers.handler_threads import HandlerThreads
from saga.runtime.planning.router import Router
from saga.runtime.timing.fair_gate import FairGate

RETRY_SECONDS: Final = 0.5


@dataclass(slots=True)
class ServedService:
    """A service as this process serves it: `concurrency` places for handlers, and how many of them are held by hung threads."""

    name: str
    concurrency: int
    slots: FairGate
    threads: HandlerThreads = field(init=False)
    is_accepting: bool = False
    is_left: bool = False

    @property
    def is_hung(self) -> bool:
        """True while a hung handler holds every place."""
        return self.threads.hung >= self.concurrency


class ServedServices:
    """Adds services and takes them back. A handler that hangs in its thread holds its place; with no place left, nothing is accepted.

    Then the commands of the service stay in its queue, or go to other processes, until a thread is free again.
    """

    def __init__(  # noqa: PLR0913, PLR0917 (wired in one place)
        self,
        clock: Clock,
        membership: Membership,
        router: Router,
        intake: Intake,
        poller: Poller,
        executor: Executor,
        dispatcher: Dispatcher | None,
    ) -> None:
        self._clock = clock
        self._membership = membership
        self._router = router
        self._intake = intake
        self._poller = poller
        self._executor = executor
        self._dispatcher = dispatcher
        self._served: dict[str, ServedService] = {}
        self._is_changed = asyncio.Event()
        self._log = get_logger("saga.process")

    def add(self, name: str, concurrency: int) -> ServedService:
        """Makes the places for the handlers of a service. `serve` must follow.

        Raises:
            UsageError: this process serves the service already.
        """
        if name in self._served:
            raise UsageError(
                f"this process serves {name} already: leave the block that serves it first, or connect again"
            )
        service = self._served[name] = ServedService(name, concurrency, FairGate(concurrency))
        service.threads = HandlerThreads(name, partial(self._occupy, service))
        return service

    async def serve(self, names: Sequence[str], capacity: int, *, durable: bool) -> None:
        """Accepts commands of these services. `capacity`: how many more claims may run at once."""
        self._router.serve(names)
        if self._dispatcher is not None:
            await self._dispatcher.serve(names)
        await self._membership.announce(sorted(self._router.own_services), self._intake.capacity + capacity)
        self._intake.serve(capacity)
        for name in self._served.keys() & set(names):
            self._served[name].is_accepting = True
        self._poller.serve(names, durable=durable)

    async def leave(self, services: Sequence[ServedService], drain_seconds: float) -> None:
        """Accepts no more commands of these services, lets their running steps finish within that time, and gives back the rest."""
        names = {service.name for service in services}
        self._withdraw(names)
        for service in services:
            service.is_left = True
            service.slots.close()
            self._executor.withdraw(service.name)
            if service.is_accepting:
                self._intake.serve(service.threads.hung - service.concurrency)
        if self._dispatcher is not None:
            await self._dispatcher.stop_reading(names)
        self._is_changed.set()
        self._executor.give_back(*await self._intake.drain(drain_seconds, partial(self._executor.is_of, names)))
        for service in services:
            service.threads.close()
            self._served.pop(service.name, None)

    async def run(self) -> None:
        """Tells the other processes which services this one serves, whenever that changes, until cancelled."""
        while True:
            await self._is_changed.wait()
            self._is_changed.clear()
            try:
                if self._dispatcher is not None:
                    await self._dispatcher.stop_reading(self.hung())
                    await self._dispatcher.serve(sorted(self._router.own_services))
                await self._membership.announce(sorted(self._router.own_services), max(self._intake.capacity, 1))
            except SagaError as error:  # a process that joins again announces its services
                self._log.warning("cannot announce services", error=str(error))
                await self._clock.sleep(RETRY_SECONDS)
                self._is_changed.set()

    def hung(self) -> list[str]:
        """The services of which every handler hangs: this process accepts no command of them."""
        return [name for name, service in self._served.items() if service.is_hung]

    def hung_handlers(self) -> dict[str, int]:
        """The number of handlers of each service that go on in their threads after their attempts have ended."""
        return {name: service.threads.hung for name, service in self._served.items()}

    def _occupy(self, service: ServedService, places: int) -> None:
        if service.is_left:
            return
        self._intake.serve(-places)
        if places > 0:
            service.slots.occupy()
            if service.is_hung:
                self._hold_up(service)
            return
        if service.threads.hung == service.concurrency - 1:
            self._log.info("a handler is free again, accepting commands", service=service.name)
            service.slots.open()
            self._router.serve([service.name])
            self._poller.serve([service.name], durable=False)
            self._is_changed.set()
        service.slots.leave()

    def _hold_up(self, service: ServedService) -> None:
        self._log.error("all handlers hang, accepting no commands", service=service.name, hung=service.threads.hung)
        self._withdraw({service.name})
        service.slots.close()
        self._executor.give_back(self._intake.take_waiting(partial(self._executor.is_of, {service.name})))
        self._is_changed.set()

    def _withdraw(self, names: Iterable[str]) -> None:
        self._router.withdraw(names)
        self._poller.withdraw(names)
