"""An external step that no process has ever claimed has no unknown outcome: a rollback makes it void at once (G135)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

import saga
from saga import App, Conflict, Definition, GiveUp, NotYet, Participant, Reject, Retry
from saga.client import Handle
from saga.settings import Settings
from tests.runtime.world import By, Gate, World, until

BY: By = {"actor": "ann", "reason": "the customer cancelled"}
PATIENT = Retry(attempts=None, first="10ms", cap="50ms")


class Shop:
    """An order in the store's database, then hotel and flight side by side, then the pivot. Each service can be away."""

    def __init__(self, *, deadline: str | None = None) -> None:
        self.calls: list[str] = []
        self.gate = Gate()
        self.orders, self.hotels = Participant("orders"), Participant("hotels")
        self.flights, self.payments = Participant("flights"), Participant("payments")
        self._register()
        self.definition = Definition("trip", deadline=deadline)
        order = self.definition.step("orders.place")
        trip = [
            self.definition.step(f"{place}.book", name=f"{place}_book", after=order, retry=PATIENT, timeout="2s")
            for place in ("hotels", "flights")
        ]
        self.definition.step("payments.charge", after=trip, pivot=True)

    def _register(self) -> None:
        @self.orders.step(external=True)
        async def place() -> None:
            self.calls.append("place")

        @place.compensation
        async def withdraw() -> None:
            self.calls.append("withdraw")

        for participant in (self.hotels, self.flights):
            self._books(participant)

        @self.payments.step(external=True)
        async def charge() -> None:
            self.calls.append("charge")

    def _books(self, participant: Participant) -> None:
        @participant.step(external=True)
        async def book() -> None:
            self.calls.append(f"book {participant.service}")
            await self.answer(participant.service)

        @book.compensation
        async def cancel() -> None:
            self.calls.append(f"cancel {participant.service}")

    async def answer(self, service: str) -> None:
        """The answer of the other system; a test replaces it."""

    @property
    def everybody(self) -> list[Participant]:
        return [self.orders, self.hotels, self.flights, self.payments]


async def opened(world: World, shop: Shop, *here: Participant, **settings: Any) -> App:
    """A process that serves only these participants, in a store that knows the contracts of all."""
    client = await world.join(redrive=1, **settings)
    known = Settings(**{"store": world.url, "drain": 1, **settings})
    async with saga.connect(settings=known) as app, app.serve(*shop.everybody):
        await app.register(shop.definition)
    for participant in here:
        await world.join(participant, redrive=1, **settings)
    return client


async def until_letters(client: App, saga_id: UUID, letters: str) -> None:
    """Waits until the steps have these letters; a dot stands for any."""

    async def is_there() -> bool:
        vector = (await client.snapshot(saga_id)).state.vector
        return all(wanted in (".", letter) for wanted, letter in zip(letters, vector, strict=True))

    await until(is_there, f"the vector is {letters}")


async def started(client: App, shop: Shop, letters: str) -> Handle:
    handle = await client.start(shop.definition)
    await until_letters(client, handle.id, letters)
    return handle


async def test_a_customer_who_cancels_before_the_pivot_was_claimed_is_not_charged(any_world: World) -> None:
    shop = Shop()
    client = await opened(any_world, shop, shop.orders, shop.hotels, shop.flights)
    handle = await started(client, shop, "SSSD")

    await client.operations.roll_back(handle.id, **BY)
    await any_world.join(shop.payments)

    assert (await handle.result(10)).status == "compensated"
    assert "charge" not in shop.calls
    assert {"cancel hotels", "cancel flights", "withdraw"} <= {*shop.calls}


async def test_the_deadline_does_not_wait_for_a_pivot_that_was_never_claimed(any_world: World) -> None:
    shop = Shop(deadline="1s")
    client = await opened(any_world, shop, shop.orders, shop.hotels, shop.flights, scan=0.1)
    await any_world.supervise(client)
    handle = await client.start(shop.definition)

    ending = await handle.result(10)
    await any_world.join(shop.payments)

    assert (ending.status, ending.reason) == ("compensated", "deadline passed")
    assert "charge" not in shop.calls


async def test_nothing_is_executed_only_to_be_undone(any_world: World) -> None:
    """The flight is sold out, while no process of the hotels is alive."""
    shop = Shop()
    client = await opened(any_world, shop, shop.orders)
    handle = await started(client, shop, "SDDP")

    async def sold_out(service: str) -> None:
        raise Reject("sold out")

    shop.answer = sold_out  # type: ignore[method-assign]
    await any_world.join(shop.flights)
    ending = await handle.result(10)
    await any_world.join(shop.hotels)

    assert (ending.status, ending.reason) == ("compensated", "flights_book: sold out")
    assert shop.calls == ["place", "book flights", "withdraw"]


async def test_a_step_that_was_claimed_is_still_resolved_beside_one_that_was_not(any_world: World) -> None:
    shop = Shop()
    client = await opened(any_world, shop, shop.orders)
    handle = await started(client, shop, "SDDP")

    async def hangs(service: str) -> None:
        await shop.gate.wait()

    shop.answer = hangs  # type: ignore[method-assign]
    await any_world.join(shop.flights)
    await shop.gate.somebody_waits()
    await client.operations.roll_back(handle.id, **BY)
    await any_world.join(shop.hotels)
    assert (await client.snapshot(handle.id)).state.vector == "SVUV"
    shop.gate.open()

    assert (await handle.result(10)).status == "compensated"
    assert shop.calls == ["place", "book flights", "cancel flights", "withdraw"]


async def test_a_call_that_asked_for_time_was_claimed_whatever_a_pause_does_to_its_command(any_world: World) -> None:
    """Neither a failure nor a delivery is counted for it, and the pause parks its command."""
    shop = Shop()
    client = await opened(any_world, shop, shop.orders)
    handle = await started(client, shop, "SDDP")

    async def later(service: str) -> None:
        shop.gate.open()
        raise NotYet("1h")

    shop.answer = later  # type: ignore[method-assign]
    flights = await any_world.join(shop.flights)
    await until(lambda: "book flights" in shop.calls, "the call is made")
    await flights.process.outcomes.drained()
    await any_world.kill(flights)
    await client.operations.pause(handle.id, **BY)
    await client.operations.resume(handle.id, **BY)
    await client.operations.roll_back(handle.id, **BY)

    assert (await client.snapshot(handle.id)).state.vector == "SVUV"


async def test_a_paused_saga_whose_command_nobody_could_claim_is_rolled_back(any_world: World) -> None:
    shop = Shop()
    client = await opened(any_world, shop, shop.orders, shop.hotels, shop.flights)
    handle = await started(client, shop, "SSSD")
    await client.operations.pause(handle.id, **BY)
    await any_world.join(shop.payments)  # its poll finds the command, and refuses it
    await client.operations.roll_back(handle.id, **BY)
    assert (await client.snapshot(handle.id)).state.vector == "SSSV"
    await client.operations.resume(handle.id, **BY)

    assert (await handle.result(10)).status == "compensated"
    assert "charge" not in shop.calls


async def test_an_abandoned_saga_knows_that_nothing_came_of_what_was_never_claimed(any_world: World) -> None:
    shop = Shop()
    client = await opened(any_world, shop, shop.orders, shop.hotels, shop.flights)
    handle = await started(client, shop, "SSSD")

    after = await client.operations.abandon(handle.id, **BY)
    await any_world.join(shop.payments)

    assert (after.state.phase.name, after.state.vector) == ("ABANDONED", "SSSV")
    assert "charge" not in shop.calls


async def test_a_dry_run_of_a_rollback_knows_what_was_never_claimed(any_world: World) -> None:
    shop = Shop()
    client = await opened(any_world, shop, shop.orders, shop.hotels, shop.flights)
    handle = await started(client, shop, "SSSD")

    would_be = await client.operations.roll_back(handle.id, dry_run=True, **BY)

    assert (would_be.state.phase.name, would_be.state.vector[-1]) == ("COMPENSATING", "V")


@pytest.mark.parametrize("passed", ["deadline", "operator"])
async def test_a_command_on_a_bus_is_refused_after_the_rollback(any_world: World, passed: str) -> None:
    """Its message is on the bus when the saga is rolled back, and is read only afterwards."""
    bus = f"memory://never_claimed_{passed}_{any_world.url[:4]}"
    shop = Shop(deadline="1s" if passed == "deadline" else None)
    here = (shop.orders, shop.hotels, shop.flights)
    client = await opened(any_world, shop, *here, bus=bus, scan=0.1)
    await any_world.supervise(client)
    handle = await client.start(shop.definition)
    if passed == "operator":
        await until_letters(client, handle.id, "SSSD")
        await client.operations.roll_back(handle.id, **BY)

    ending = await handle.result(10)
    await any_world.join(shop.payments, bus=bus)

    assert ending.status == "compensated"
    assert "charge" not in shop.calls


async def test_a_transactional_step_that_finishes_late_rolls_back_what_was_never_claimed(world: World) -> None:
    """The deadline passes while it runs: the rollback is decided in the handler's own transaction."""
    gate, called = Gate(), list[str]()
    here, away = Participant("here", database="store"), Participant("away")

    @here.step
    async def write(ctx: saga.Context) -> None:
        await gate.wait()

    @write.compensation
    async def unwrite() -> None:
        called.append("unwrite")

    @away.step(external=True)
    async def call() -> None:
        called.append("call")

    @call.compensation
    async def undo() -> None:
        called.append("undo")

    definition = Definition("late", deadline="1s")
    definition.step("here.write")
    definition.step("away.call")
    client = await world.join(scan=60)  # nobody else decides meanwhile
    async with saga.connect(settings=Settings(store=world.url, drain=1)) as app, app.serve(here, away):  # type: ignore[arg-type]
        await app.register(definition)
    serving = await world.join(here, redrive=60)
    await world.supervise(client)
    await until(serving.process.heartbeat.leader_watch.is_deadline_enforced, "the process knows of the supervisor")
    handle = await client.start(definition)
    await gate.somebody_waits()
    deadline = (await client.snapshot(handle.id)).state.deadline
    assert deadline is not None
    await until(lambda: client.process.store_clock.now() > deadline, "the deadline has passed")
    gate.open()
    ending = await handle.result(10)
    await world.join(away)
    assert ending.status == "compensated"
    assert called == ["unwrite"]


async def test_a_rollback_of_a_saga_that_is_stuck_at_its_pivot_says_what_to_do(any_world: World) -> None:
    participant, definition = Participant("payments"), Definition("stuck")

    @participant.step(external=True)
    async def charge() -> None:
        raise GiveUp("the provider is closed")

    definition.step("payments.charge", pivot=True, timeout="1s")
    sagas = await any_world.join(participant)
    handle = await sagas.start(definition)
    await until_letters(sagas, handle.id, "d")

    with pytest.raises(
        Conflict, match=f"saga retry {handle.id} charge, or, .*saga resolve {handle.id} charge happened"
    ):
        await sagas.operations.roll_back(handle.id, **BY)


async def test_a_rollback_that_waits_already_says_for_what(any_world: World) -> None:
    gate, participant, definition = Gate(), Participant("payments"), Definition("hanging")

    @participant.step(external=True)
    async def charge() -> None:
        await gate.wait()

    definition.step("payments.charge", pivot=True)
    sagas = await any_world.join(participant)
    handle = await sagas.start(definition)
    await gate.somebody_waits()
    await sagas.operations.roll_back(handle.id, **BY)

    with pytest.raises(Conflict, match="waits until the outcome of the pivot charge is known"):
        await sagas.operations.roll_back(handle.id, **BY)
    gate.open()
