"""A shop with sagas in every state, for the pages: running, waiting, rolled back, stuck, paused, completed. Real sagas in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from pydantic import BaseModel

from saga import App, Definition, Participant, Reject, Retry, connect
from saga.core.definition.json_value import Json
from saga.ports.saga_detail import SagaDetail
from saga.settings import load
from tests.api.ui.parcels import Parcels

ONCE = Retry(attempts=1, first="1s", cap="1s", jitter=0)
LATER = Retry(attempts=50, first="1h", cap="1h", jitter=0)
WAIT_SECONDS = 20
STUCK = 14


class Order(BaseModel):
    sku: str
    email: str = "ann at example"


@dataclass
class Shop:
    """`sagas` serves the shop. `faults`: what a handler raises for orders of a sku; `blocked`: steps that do not return."""

    sagas: App
    faults: dict[tuple[str, str], Exception] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    ids: dict[str, str] = field(default_factory=dict)
    parcels: Parcels = field(default_factory=Parcels)

    async def handle(self, step: str, order: Order) -> str:
        if (step, order.sku) in self.faults:
            raise self.faults[step, order.sku]
        if step in self.blocked and order.sku == "slow":
            await asyncio.Event().wait()
        return f"{step[:2]}_{len(self.ids)}"

    async def start(self, key: str, sku: str, definition: str = "order") -> str:
        return await self.start_with(definition, key, {"sku": sku})

    async def start_with(self, definition: str, key: str, value: Mapping[str, Json]) -> str:
        handle = await self.sagas.start(definition, value, key=key, tags={"region": "north"})
        self.ids[key] = str(handle.id)
        return str(handle.id)

    async def until(self, key: str, is_so: Callable[[SagaDetail], bool]) -> SagaDetail:
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                detail = await self.sagas.process.listing.detail(UUID(self.ids[key]))
                if is_so(detail):
                    return detail
                await asyncio.sleep(0)

    async def until_vector(self, key: str, vector: str) -> SagaDetail:
        return await self.until(key, lambda detail: detail.state.vector == vector)


@asynccontextmanager
async def open_shop(store: str) -> AsyncIterator[Shop]:
    """A shop in which nothing has been ordered yet."""
    async with connect(settings=load(store=store, drain=0), name="shop") as sagas:
        shop = Shop(sagas)
        participants = [*_participants(shop), *shop.parcels.participants()]
        async with sagas.serve(*participants):
            await sagas.register(_order(1))
            await sagas.register(_order(2))
            yield shop


async def fill(shop: Shop) -> None:
    """Sagas in every state that people meet."""
    shop.faults = {
        ("pack", "broken"): Reject("item damaged"),
        ("undo charge", "broken"): ConnectionError("provider answers 503"),
        ("charge", "poor"): Reject("card declined"),
        ("ship", "heavy"): ConnectionError("the carrier does not answer"),
        ("notify", "mute"): ConnectionError("no route to the mail server"),
    }
    shop.blocked = {"label"}
    for number in range(3):
        await shop.start(f"order-{1001 + number}", "lamp")
    await shop.start("order-1010", "poor")
    await shop.start("order-1011", "slow")
    await shop.start("order-1012", "heavy")
    await shop.start("order-1013", "mute")
    for number in range(STUCK):
        await shop.start(f"order-{1017 + number}", "broken")
    for number in range(3):
        await shop.until(f"order-{1001 + number}", lambda detail: detail.state.phase.is_terminal)
    await shop.until("order-1010", lambda detail: detail.state.phase.is_terminal)
    for key in ("order-1013", *(f"order-{1017 + number}" for number in range(STUCK))):
        await shop.until(key, lambda detail: detail.state.is_stuck)
    await shop.until("order-1012", lambda detail: any(each.failures for each in detail.commands.values()))


def _participants(shop: Shop) -> list[Participant]:
    found = {name: Participant(name) for name in ("inventory", "payments", "risk", "shipping", "warehouse", "mail")}

    def add(service: str, step: str, *, undo: bool) -> None:
        async def execute(order: Order) -> str:
            return await shop.handle(step, order)

        async def compensate(order: Order, _: str) -> None:
            await shop.handle(f"undo {step}", order)

        execute.__name__ = step
        handler = found[service].step(external=True)(execute)
        if undo:
            handler.compensation(compensate)

    add("inventory", "reserve", undo=True)
    add("payments", "charge", undo=True)
    add("risk", "screen", undo=False)
    add("shipping", "label", undo=True)
    add("warehouse", "pack", undo=True)
    add("shipping", "ship", undo=False)
    add("mail", "notify", undo=False)
    return list(found.values())


def _order(version: int) -> Definition:
    order = Definition("order", version=version, input=Order, deadline="1h")
    reserved = order.step("inventory.reserve", compensation_retry=ONCE)
    charged = order.step("payments.charge", after=reserved, compensation_retry=ONCE)
    screened = order.step("risk.screen", after=reserved, read_only=True)
    labelled = order.step("shipping.label", after=charged, timeout="1h")
    packed = order.step("warehouse.pack", after=[charged, screened])
    shipped = order.step("shipping.ship", after=[labelled, packed], pivot=True, retry=LATER)
    if version > 1:
        order.step("mail.notify", after=shipped, retry=ONCE)
    order.returns(shipped.output)
    return order
