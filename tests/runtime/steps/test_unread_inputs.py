"""An input that no process can read has reached no handler: the step has no effect, unless an earlier attempt has begun (G136)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import uuid4

import pytest
from pydantic import BaseModel, BeforeValidator, model_validator

from saga import App, Context, Definition, NotYet, Participant, Reject, Retry, memory
from saga.client import Handle
from tests.runtime.world import By, World, until

ONCE = Retry(attempts=1)
QUICK = Retry(attempts=3, first="10ms", cap="20ms")
BY: By = {"actor": "ann", "reason": "it takes too long"}
FIELD = "pay.charge: the input does not fit: cents: Input should be a valid integer"


class Money(BaseModel):
    cents: int


class Priced(Money):
    currency: str


def pay_of(
    kind: Any, ran: list[str], *, undo: Any = None, database: str | None = None, answer: Exception | None = None
) -> Participant:
    """A build of a service that charges: the types of its inputs, and the exception that it raises."""
    pay = Participant("pay", database=database)

    async def charge(value: Any, ctx: Context) -> str:
        ran.append("charge")
        if answer is not None:
            raise answer
        return "charged"

    async def refund(value: Any, charged: str) -> None:
        ran.append("refund")

    charge.__annotations__["value"], refund.__annotations__["value"] = kind, undo or kind
    pay.step(external=database is None)(charge).compensation(refund)
    return pay


def shop_of(ran: list[str], *, refuses: bool = False) -> Participant:
    """A service before and behind the payment. What it finds is not typed, so that no check sees the null."""
    shop = Participant("shop")

    @shop.step(external=True, read_only=True)
    async def find(value: Any) -> Any:
        return value

    @shop.step(external=True)
    async def pack() -> None:
        ran.append("pack")
        if refuses:
            raise Reject("sold out")

    @pack.compensation
    async def unpack() -> None:
        ran.append("unpack")

    return shop


def order_of(retry: Retry = ONCE, **options: Any) -> Definition[Any]:
    definition: Definition[Any] = Definition("order")
    found = definition.step("shop.find", inputs=definition.input)
    definition.step("pay.charge", inputs={"cents": found.output.cents}, retry=retry, compensation_retry=ONCE, **options)
    return definition


async def vector_of(app: App, handle: Handle[Any]) -> str:
    return (await app.snapshot(handle.id)).state.vector


modes = pytest.mark.parametrize("mode", ["external", "transactional", "journaled"])


@pytest.fixture
async def memory_world() -> AsyncIterator[World]:
    """For what is the same in each store."""
    url = f"memory://{uuid4()}"
    async with World(url) as world:
        yield world
        await world.verify()
    memory.forget(url)


def database_of(mode: str) -> str | None:
    return {"external": None, "transactional": "store", "journaled": f"memory://{uuid4()}"}[mode]


@pytest.mark.parametrize(
    ("mode", "retry"), [("external", ONCE), ("external", QUICK), ("transactional", ONCE), ("journaled", ONCE)]
)
async def test_a_mapped_value_that_is_null_rejects_the_pivot_with_the_name_of_the_field(
    any_world: World, mode: str, retry: Retry
) -> None:
    ran = list[str]()
    sagas = await any_world.join(shop_of(ran), pay_of(Money, ran, database=database_of(mode)))
    handle = await sagas.start(order_of(retry, pivot=True), {"cents": None})
    ending = await handle.result(10)
    assert (ending.status, ending.reason, ran) == ("compensated", f"charge: {FIELD}", [])
    assert await vector_of(sagas, handle) == "ZR"


async def test_a_value_that_is_not_there_at_all_is_named_too(memory_world: World) -> None:
    ran = list[str]()
    sagas = await memory_world.join(shop_of(ran), pay_of(Money, ran))
    handle = await sagas.start(order_of(), {"euros": 1})
    reason = (await handle.result(10)).reason or ""
    assert "pay.charge: the input does not fit: find.output.cents cannot be read: find.output has no field" in reason


class Rewritten(BaseModel):
    cents: int

    @model_validator(mode="before")
    @classmethod
    def from_order(cls, value: Any) -> Any:
        return {"cents": value["total"]}


async def test_a_type_that_breaks_while_it_reads_has_not_reached_the_handler_either(memory_world: World) -> None:
    ran = list[str]()
    sagas = await memory_world.join(shop_of(ran), pay_of(Rewritten, ran))
    ending = await (await sagas.start(order_of(pivot=True), {"cents": 1})).result(10)
    assert ending.reason == "charge: pay.charge: the input does not fit: KeyError: 'total'"
    assert ran == []


async def test_a_handled_step_goes_on_with_the_reason(memory_world: World) -> None:
    ran = list[str]()
    sagas = await memory_world.join(shop_of(ran), pay_of(Money, ran))
    definition: Definition[Any] = Definition("order")
    found = definition.step("shop.find", inputs=definition.input)
    charged = definition.step("pay.charge", inputs={"cents": found.output.cents}, retry=ONCE, handled=True)
    definition.returns(charged.reason.or_(None))
    ending = await (await sagas.start(definition, {"cents": None})).result(10)
    assert (ending.status, ending.value, ran) == ("completed", FIELD, [])


@pytest.mark.parametrize("answer", [NotYet("1ms"), TimeoutError("no answer")], ids=["not yet", "no answer"])
async def test_after_an_attempt_that_has_begun_nobody_knows(any_world: World, answer: Exception) -> None:
    """G136: the earlier call may have taken effect. The type of the input becomes another one while the saga runs."""
    ran = list[str]()

    def read_once(value: Any) -> Any:
        assert not ran, "of another build"
        return value

    kind = Annotated[Any, BeforeValidator(read_once)]
    sagas = await any_world.join(shop_of(ran), pay_of(kind, ran, answer=answer), margin=0.01)
    handle = await sagas.start(order_of(Retry(attempts=2, first="1ms")), {"cents": 1})

    async def is_parked() -> bool:
        return await vector_of(sagas, handle) == "Su"

    await until(is_parked, "a person is asked")
    assert ran == ["charge"]
    assert "the input does not fit: value: Assertion failed, of another build" in (
        (await sagas.why(handle.id)).waits_for or ""
    )


async def test_a_rollback_of_a_step_that_was_claimed_and_has_not_begun_makes_no_call(any_world: World) -> None:
    """Its outcome is known, though G135 does not say so."""
    ran = list[str]()
    sagas = await any_world.join(shop_of(ran), pay_of(Money, ran))
    patient = Retry(attempts=None, first="10ms", cap="20ms")
    handle = await sagas.start(order_of(patient), {"cents": None})

    async def is_waiting() -> bool:
        detail = await sagas.detail(handle.id)
        command = detail.commands.get(1)
        return command is not None and "does not fit" in (command.error or "")

    await until(is_waiting, "the input was read in vain")
    assert (await sagas.snapshot(handle.id)).state.vector == "SD"
    await sagas.operations.roll_back(handle.id, **BY)
    ending = await handle.result(10)
    assert (ending.status, ending.reason, ran) == ("compensated", "it takes too long", [])
    assert await vector_of(sagas, handle) == "ZV"


@modes
async def test_behind_the_pivot_it_waits_for_a_person_and_goes_on_with_a_build_that_reads_it(
    any_world: World, mode: str
) -> None:
    ran, database = list[str](), database_of(mode)
    sagas = await any_world.join(shop_of(ran))
    narrow = await any_world.join(pay_of(Money, ran, database=database))
    definition: Definition[Any] = Definition("order")
    found = definition.step("shop.find", inputs=definition.input)
    packed = definition.step("shop.pack", after=found, pivot=True)
    definition.step("pay.charge", after=packed, inputs={"cents": found.output.cents}, retriable=True, retry=ONCE)
    handle = await sagas.start(definition, {"cents": None})

    async def is_stuck() -> bool:
        return await vector_of(sagas, handle) == "SSd"

    await until(is_stuck, "a person is asked")
    answer = await sagas.why(handle.id)
    assert FIELD in (answer.waits_for or "")
    assert (answer.remedy or "").startswith(f"deploy a build of pay that reads it, then saga retry {handle.id} charge")
    await any_world.kill(narrow)
    await any_world.join(pay_of(Any, ran, database=database))
    await sagas.operations.retry(handle.id, "charge", **BY)
    assert (await handle.result(10)).status == "completed"
    assert set(ran) == {"pack", "charge"}


@modes
async def test_a_compensation_whose_input_does_not_fit_waits_for_a_person(any_world: World, mode: str) -> None:
    ran, database = list[str](), database_of(mode)
    sagas = await any_world.join(shop_of(ran, refuses=True))
    narrow = await any_world.join(pay_of(Money, ran, undo=Priced, database=database))
    definition: Definition[Any] = Definition("order")
    charged = definition.step("pay.charge", inputs=definition.input, compensation_retry=QUICK)
    definition.step("shop.pack", after=charged, pivot=True)
    handle = await sagas.start(definition, {"cents": 1})

    async def is_stuck() -> bool:
        return await vector_of(sagas, handle) == "kR"

    await until(is_stuck, "a person is asked")
    assert ran == ["charge", "pack"]
    answer = await sagas.why(handle.id)
    assert "the compensation of step charge is quarantined" in (answer.waits_for or "")
    assert "pay.charge (compensation): the input does not fit: currency: Field required" in (answer.waits_for or "")
    assert (answer.remedy or "").startswith(f"deploy a build of pay that reads it, then saga retry {handle.id} charge")
    await any_world.kill(narrow)
    await any_world.join(pay_of(Money, ran, database=database))
    await sagas.operations.retry(handle.id, "charge", **BY)
    assert (await handle.result(10)).status == "compensated"
    assert ran == ["charge", "pack", "refund"]
