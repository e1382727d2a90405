"""Parcels, which wait: for events, for a moment, for another system, for a service that no process runs.

Their steps may be skipped, and a rejection of one is handled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal
from uuid import UUID

from pydantic import BaseModel

import saga
from saga import Context, Definition, Participant, Pending, Reject
from saga.core.state.letters import DISPATCHED
from saga.core.state.mode import Mode
from saga.ports.saga_detail import SagaDetail

if TYPE_CHECKING:
    from tests.api.ui.shop import Shop

CODE: Final = "door code 4711"
"""The canary: a value of a marked field."""
PARCEL: Final = {"grams": 900, "country": "NO", "address": "Main Street 1", "code": CODE}
KEYS: Final = {
    "parcel-1": PARCEL | {"grams": 500},
    "parcel-2": PARCEL | {"grams": 700, "country": "CH"},
    "parcel-3": PARCEL | {"address": ""},
    "parcel-4": PARCEL,
    "parcel-5": PARCEL,
    "parcel-6": PARCEL | {"grams": 0},
    "parcel-7": PARCEL,
}
"""One waits for its approval, one for the customs, one has no address, one is cancelled, one cools off, one is empty, and one is paused."""


class Parcel(BaseModel):
    """A parcel. `code` opens the door of its receiver."""

    grams: int
    country: str = "NO"
    address: str = "Main Street 1"
    code: Annotated[str, saga.Sensitive] = CODE


class Verdict(BaseModel):
    """The answer of the depot."""

    decision: Literal["approve", "refuse"]
    by: str = "Ann"


class Parcels:
    """`tokens`: what the customs got, to answer with."""

    def __init__(self) -> None:
        self.tokens: list[str] = []

    def participants(self) -> list[Participant]:
        return [self._depot(), self._customs(), _post()]

    def _depot(self) -> Participant:
        depot = Participant("depot")

        @depot.step(external=True)
        async def weigh(parcel: Parcel) -> dict[str, int]:
            return {"grams": parcel.grams}

        @weigh.compensation
        async def unload(parcel: Parcel) -> None: ...

        @depot.step(external=True, read_only=True)
        async def check_address(parcel: Parcel) -> str:
            if not parcel.address:
                raise Reject("the address is empty")
            return parcel.address

        return depot

    def _customs(self) -> Participant:
        customs = Participant("customs")

        @customs.step(external=True)
        async def declare(_: Parcel, ctx: Context) -> str:
            self.tokens.append(ctx.token)
            raise Pending("2d")

        @declare.compensation
        async def withdraw(_: Parcel) -> None: ...

        return customs


def _post() -> Participant:
    post = Participant("post")

    @post.step(external=True, read_only=True)
    async def remind(_: Parcel) -> None: ...

    @post.step(external=True)
    async def deliver(_: Parcel) -> str:
        return "delivered"

    return post


def couriers() -> Participant:
    """A service that no process of the shop runs."""
    service = Participant("couriers")

    @service.step(external=True)
    async def collect(_: Parcel) -> str:
        return "collected"

    return service


def parcel() -> Definition[Parcel]:
    one = Definition("parcel", input=Parcel, deadline="7d")
    one.cancel_on("cancelled")
    filled = one.check(one.input.grams > 0, "an empty parcel is not sent", name="filled")
    weighed = one.step("depot.weigh", after=filled)
    address = one.step("depot.check_address", after=weighed, read_only=True, handled=True)
    declared = one.step("customs.declare", after=weighed, when=one.input.country != "NO")
    approved = one.wait("approved", Verdict, after=[address, declared], timeout="2d")
    one.step("post.remind", after=[address, declared], delay="1d", until=approved, read_only=True, optional=True)
    slot = one.wait(
        {"morning": None, "evening": None},
        name="slot",
        after=weighed,
        timeout="3d",
        otherwise={"event": "morning", "payload": None},
    )
    cooled = one.timer("1h", name="cooling_off", after=approved)
    one.step("post.deliver", after=[cooled, slot], pivot=True)
    return one


def pickup() -> Definition[Parcel]:
    one = Definition("pickup", input=Parcel, deadline="7d")
    one.step("couriers.collect")
    return one


async def fill_parcels(shop: Shop) -> None:
    """Parcels in every state of waiting."""
    sagas = shop.sagas
    handlers = couriers().handlers.values()
    await sagas.adapter.directory.publish([handler.contract(Mode.EXTERNAL) for handler in handlers])
    await sagas.register(parcel())
    await sagas.register(pickup())
    for key, value in KEYS.items():
        await shop.start_with("parcel", key, value)
    await shop.start_with("pickup", "pickup-1", PARCEL)
    for key in ("parcel-1", "parcel-3", "parcel-4", "parcel-5", "parcel-7"):
        await shop.until(key, lambda detail: is_at(detail, "approved", DISPATCHED))
    await sagas.send(("parcel", "parcel-4"), "cancelled", None)
    await sagas.send(("parcel", "parcel-5"), "approved", {"decision": "approve", "by": "Ann"})
    await shop.until("parcel-2", lambda detail: is_at(detail, "declare", DISPATCHED) and len(shop.parcels.tokens) == 1)
    for key in ("parcel-4", "parcel-6"):
        await shop.until(key, lambda detail: detail.state.phase.is_terminal)
    await shop.until("parcel-5", lambda detail: is_at(detail, "cooling_off", DISPATCHED))
    await sagas.operations.pause(UUID(shop.ids["parcel-7"]), actor="mira", reason="the receiver has moved")


def is_at(detail: SagaDetail, step: str, letter: str) -> bool:
    return detail.state.vector[detail.graph.position(step)] == letter
