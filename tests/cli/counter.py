"""A shop whose handlers succeed, fail or block, as a test says. Its sagas are real ones on a real store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from pydantic import BaseModel

from saga import App, Definition, Participant, Retry, connect
from saga.ports.saga_detail import SagaDetail
from saga.settings import Settings, load

ACTOR = "ann"
TIMEOUT_SECONDS = 20
LATER = Retry(attempts=5, first="1h", cap="1h", jitter=0)


class Order(BaseModel):
    sku: str


@dataclass
class Counter:
    """`sagas` serves the shop; `away` is another process, which serves nothing. `faults`: the exceptions that handlers raise."""

    settings: Settings
    sagas: App
    away: App
    inventory: Participant
    order: Definition
    faults: dict[str, Exception] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, name: str) -> str:
        if name in self.faults:
            raise self.faults[name]
        while name in self.blocked:
            await self.released.wait()
        return f"{name} done"

    def release(self, name: str) -> None:
        self.blocked.remove(name)
        self.released.set()
        self.released = asyncio.Event()

    async def start(self, key: str = "order-1017", *, sku: str = "A-1") -> UUID:
        return (await self.sagas.start(self.order, Order(sku=sku), key=key)).id

    async def detail(self, saga: UUID) -> SagaDetail:
        return await self.away.process.listing.detail(saga)

    async def until(self, saga: UUID, is_so: Callable[[SagaDetail], bool]) -> SagaDetail:
        """Reads the saga until the condition holds, and returns that detail."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                if is_so(detail := await self.detail(saga)):
                    return detail
                await asyncio.sleep(0)  # the memory store answers without a pause

    async def until_vector(self, saga: UUID, vector: str) -> SagaDetail:
        return await self.until(saga, lambda detail: detail.state.vector == vector)

    async def roll_back(self, saga: UUID) -> None:
        await self.away.operations.roll_back(saga, actor=ACTOR, reason="the customer changed her mind")


@asynccontextmanager
async def counter_on(store: str) -> AsyncIterator[Counter]:
    settings = load(store=store, drain=0)
    inventory = Participant("inventory", concurrency=1)
    payments, mail = Participant("payments", concurrency=1), Participant("mail", concurrency=1)
    async with connect(settings=settings, name="shop") as sagas, connect(settings=settings, name="desk") as away:
        counter = Counter(settings, sagas, away, inventory, _order())
        _write(counter, inventory, payments, mail)
        async with sagas.serve(inventory, payments, mail):
            await sagas.register(counter.order)
            yield counter


def _write(counter: Counter, inventory: Participant, payments: Participant, mail: Participant) -> None:
    async def reserve(_: Order) -> str:
        return await counter.handle("reserve")

    async def release(_: Order, __: str) -> None:
        await counter.handle("release")

    async def charge(_: Order) -> str:
        return await counter.handle("charge")

    async def confirm(_: Order) -> str:
        return await counter.handle("confirm")

    inventory.step(external=True)(reserve).compensation(release)
    payments.step(external=True)(charge)
    mail.step(external=True)(confirm)


def _order() -> Definition:
    order = Definition("order", version=1, input=Order, deadline="1h")
    held = order.step("inventory.reserve", retry=LATER, compensation_retry=LATER)
    paid = order.step("payments.charge", after=held, pivot=True, retry=LATER)
    order.step("mail.confirm", after=paid, retry=LATER)
    order.returns(paid.output)
    return order
