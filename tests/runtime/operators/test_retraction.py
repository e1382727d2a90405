"""An operator undoes one step while its saga goes on."""

from __future__ import annotations

from typing import Any

import pytest

from saga import Conflict, Definition, Participant
from saga.core.state.phase import Phase
from tests.runtime.world import By, Gate, World, until

BY: By = {"actor": "ann", "reason": "the customer takes the train"}
STEP_SECONDS = 20


class Trip:
    """Two bookings side by side, each with a gate in it, and a mail behind both. With a database, the bookings are transactional."""

    def __init__(self, database: str | None = None) -> None:
        self.gates = {"bus": Gate(), "train": Gate()}
        self.calls: list[str] = []
        self.participant = Participant("travel", database=database)
        self.definition = Definition("trip")
        booked = [self._book(name, external=database is None) for name in self.gates]

        @self.participant.step(external=True)
        async def mail() -> None:
            self.calls.append("mail")

        self.mailed = self.definition.step("travel.mail", after=booked, pivot=True)

    def _book(self, name: str, *, external: bool) -> Any:
        async def book() -> str:
            self.calls.append(name)
            await self.gates[name].wait()
            return f"{name} ticket"

        async def cancel(_: None, ticket: str) -> None:
            self.calls.append(f"cancel {ticket}")

        book.__name__ = name
        self.participant.step(external=external)(book).compensation(cancel)
        return self.definition.step(f"travel.{name}")


async def test_a_booking_that_has_succeeded_is_undone_and_the_saga_goes_on(any_world: World) -> None:
    trip = Trip()
    sagas = await any_world.join(trip.participant)
    handle = await sagas.start(trip.definition)
    trip.gates["bus"].open()
    await _until_vector(sagas, handle, "SDP")

    after = await sagas.operations.undo_step(handle.id, "bus", **BY)
    await _until_vector(sagas, handle, "ZDP")
    trip.gates["train"].open()
    await handle.result(STEP_SECONDS)

    assert after.state.phase is Phase.RUNNING
    assert after.state.vector in ("KDP", "ZDP")
    assert trip.calls[-2:] == ["cancel bus ticket", "mail"]
    assert (await sagas.snapshot(handle.id)).state.vector == "ZSS"


async def test_nobody_reads_the_result_of_a_step_that_was_undone(any_world: World) -> None:
    trip, letters = Trip(), list[object]()

    @trip.participant.step(external=True)
    async def letter(tickets: list[str]) -> None:
        letters.append(tickets)

    bus, train, mail = trip.definition.steps
    tickets = [bus.output.or_("no bus"), train.output]
    trip.definition.step("travel.letter", after=mail, inputs=tickets)
    trip.definition.returns(tickets)
    sagas = await any_world.join(trip.participant)
    handle = await sagas.start(trip.definition)
    trip.gates["bus"].open()
    await _until_vector(sagas, handle, "SDPP")

    await sagas.operations.undo_step(handle.id, "bus", **BY)
    trip.gates["train"].open()
    ending = await handle.result(STEP_SECONDS)

    assert ending.value == letters[0] == ["no bus", "train ticket"]


@pytest.mark.parametrize(("external", "vector", "ended", "undone"), [(True, "UDP", "ZSS", 1), (False, "VDP", "VSS", 0)])
async def test_a_booking_under_way_does_not_count_any_more_whatever_comes_of_it(
    any_world: World, *, external: bool, vector: str, ended: str, undone: int
) -> None:
    trip = Trip(None if external else any_world.url)
    sagas = await any_world.join(trip.participant)
    handle = await sagas.start(trip.definition)
    for gate in trip.gates.values():
        await gate.somebody_waits()

    after = await sagas.operations.undo_step(handle.id, "bus", **BY)
    for gate in trip.gates.values():
        gate.open()
    await handle.result(STEP_SECONDS)

    assert after.state.vector == vector
    assert (await sagas.snapshot(handle.id)).state.vector == ended
    assert trip.calls.count("cancel bus ticket") == undone


async def test_a_step_that_no_process_has_ever_claimed_is_not_run_in_order_to_be_undone(any_world: World) -> None:
    trip = Trip()
    starter = await any_world.join()
    gone = await any_world.join(trip.participant)
    await gone.register(trip.definition)
    await any_world.kill(gone)
    handle = await starter.start(trip.definition)

    after = await starter.operations.undo_step(handle.id, "bus", **BY)

    assert after.state.vector == "VDP"


async def test_what_another_step_needs_or_rests_on_is_not_undone_alone(any_world: World) -> None:
    trip = Trip()
    bus, train, mail = trip.definition.steps
    trip.definition.step("travel.train", name="seat", after=bus, retriable=True)
    trip.definition.step("travel.mail", name="note", after=mail)
    trip.definition.returns(train.output)
    trip.gates["bus"].open()
    sagas = await any_world.join(trip.participant)
    handle = await sagas.start(trip.definition)
    await _until_vector(sagas, handle, "SDPDP")

    refusals = {}
    for name in ("bus", "train", "mail", "note", "ferry"):
        with pytest.raises(Conflict) as refused:
            await sagas.operations.undo_step(handle.id, name, **BY)
        refusals[name] = str(refused.value)

    assert "seat has run behind it" in refusals["bus"]
    assert "its result is read by the saga for its return value" in refusals["train"]
    assert "it is the pivot" in refusals["mail"]
    assert "it has no compensation" in refusals["note"]
    assert "has no step ferry" in refusals["ferry"]
    trip.gates["train"].open()
    await handle.result(STEP_SECONDS)


async def _until_vector(sagas: Any, handle: Any, vector: str) -> None:
    async def is_there() -> bool:
        return bool((await sagas.snapshot(handle.id)).state.vector == vector)

    await until(is_there, f"its vector is {vector}")
