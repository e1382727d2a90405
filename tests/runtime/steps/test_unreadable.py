"""Values that could not be read back are refused: by type where they are registered, else when they are returned or started."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from saga import Conflict, Definition, DefinitionError, InputRefused, Participant, Reject, Retry, UsageError
from tests.codec import values
from tests.runtime.world import World

ONCE = Retry(attempts=1)


@pytest.mark.parametrize("mode", ["transactional", "journaled", "external"])
@pytest.mark.parametrize("name", ["NaN", "subclass", "UUID without a type"])
async def test_such_a_result_is_never_recorded(world: World, store_url: str, mode: str, name: str) -> None:
    kind, value, reason = values.UNREADABLE[name]
    database = {"transactional": "store", "journaled": f"{store_url}?application_name=other", "external": None}[mode]
    service = Participant("service", database=database)

    async def make() -> Any:
        return value

    make.__annotations__["return"] = kind
    service.step(external=mode == "external", read_only=True)(make)
    definition = Definition("unreadable")
    definition.step("service.make", retry=ONCE)
    sagas = await world.join(service)

    ending = await (await sagas.start(definition)).result(10)

    assert ending.status == "compensated"
    assert "service.make returned what cannot be read back: " in (ending.reason or "")
    assert reason in (ending.reason or "")


async def test_a_probe_is_checked_like_the_step(any_world: World) -> None:
    service, probed = Participant("service"), list[int]()

    @service.step(external=True)
    async def charge() -> float:
        raise ConnectionError("cut")

    @charge.probe
    async def find() -> float:
        probed.append(1)
        return math.nan if len(probed) == 1 else 1.5

    @charge.compensation
    async def refund(_: None, charged: float) -> None:
        assert charged == 1.5

    @service.step(external=True)
    async def last() -> None: ...

    definition = Definition("probed")
    charged = definition.step("service.charge", retry=ONCE, compensation_retry=Retry(attempts=3, first="10ms"))
    definition.step("service.last", after=charged)
    sagas = await any_world.join(service, margin=0.1)
    handle = await sagas.start(definition)

    with pytest.raises(TimeoutError):
        await handle.result(1.5)

    assert "returned what cannot be read back: value: nan is not a JSON number" in str(await sagas.why(handle.id))


def test_a_type_that_cannot_be_read_back_is_refused_where_the_step_is_written() -> None:
    async def charge() -> values.Paid: ...  # type: ignore[empty-body]

    with pytest.raises(UsageError, match=r"step pay.charge returns what could not be read back: Paid.card is a secret"):
        Participant("pay").step(external=True)(charge)


class Order(BaseModel):
    sku: str
    card: SecretStr


async def test_a_type_of_inputs_that_cannot_be_read_back_is_refused_when_it_is_registered(any_world: World) -> None:
    service = Participant("service")

    @service.step(external=True, read_only=True)
    async def charge(order: Order) -> None: ...

    definition = Definition("order", input=Order)
    definition.step("service.charge")
    sagas = await any_world.join(service)

    with pytest.raises(DefinitionError, match=r"order v1: An input could not be read back: Order.card is a secret"):
        await sagas.register(definition)


async def test_a_handler_may_read_a_secret_that_is_stored_in_clear(any_world: World) -> None:
    service, charged = Participant("service"), list[str]()

    @service.step(external=True, read_only=True)
    async def charge(order: Order) -> None:
        charged.append(order.card.get_secret_value())

    definition = Definition("order")
    definition.step("service.charge")
    sagas = await any_world.join(service)

    await (await sagas.start(definition, {"sku": "lamp", "card": "4242"}, key="k")).result(10)

    assert charged == ["4242"]
    with pytest.raises(Conflict):
        await sagas.start(definition, {"sku": "lamp", "card": "5555"}, key="k")


@pytest.mark.parametrize("is_by_name", [True, False])
async def test_an_input_that_cannot_be_read_back_is_refused_at_the_start(any_world: World, *, is_by_name: bool) -> None:
    service = Participant("service")

    @service.step(external=True, read_only=True)
    async def charge() -> None: ...

    definition = Definition("order")
    definition.step("service.charge")
    sagas = await any_world.join(service)
    await sagas.register(definition)

    async def refusal(value: Any) -> str:
        with pytest.raises(InputRefused, match="the input of order cannot be read back") as refused:
            await (sagas.start("order", value) if is_by_name else sagas.start(definition, value))
        return str(refused.value)

    assert "card is a secret" in await refusal({"card": SecretStr("4242")})
    assert "card is a secret" in await refusal(Order(sku="lamp", card=SecretStr("4242")))
    assert "cents: nan is not a JSON number" in await refusal({"cents": math.nan})


async def test_a_typed_input_is_read_back_before_the_start(any_world: World) -> None:
    service = Participant("service")

    @service.step(external=True, read_only=True)
    async def keep(value: values.Base) -> None: ...

    definition = Definition("keep", input=values.Base)
    definition.step("service.keep")
    sagas = await any_world.join(service)

    with pytest.raises(InputRefused, match="the input of keep cannot be read back: value: its type is More"):
        await sagas.start(definition, values.More(id=1, extra="x"))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "it returned None: does every branch end with return?"),
        ({"a": 1}, "it returned a value of type dict"),
        (iter([1]), r"it returned a list_iterator: return its entries, as in list\(...\)"),
    ],
)
async def test_a_misfit_says_what_was_returned(any_world: World, value: Any, words: str) -> None:
    service = Participant("service")

    @service.step(external=True, read_only=True)
    async def count() -> int:
        return value  # type: ignore[no-any-return]

    with pytest.raises(InputRefused, match=f"service.count returned what its annotation does not allow: .*{words}"):
        count_step(service).encode(value)


def count_step(service: Participant) -> Any:
    return service.handlers["count"]


async def test_a_forgotten_await_is_named() -> None:
    service = Participant("service")

    @service.step(external=True, read_only=True)
    async def count() -> int: ...  # type: ignore[empty-body]

    forgotten = count()
    with pytest.raises(InputRefused, match=r"it returned a coroutine: await it in the handler"):
        count.encode(forgotten)
    forgotten.close()


async def test_a_rolled_back_saga_gets_the_result_that_was_returned(any_world: World) -> None:
    service, given = Participant("service"), list[Any]()

    @service.step(external=True)
    async def hold() -> values.Holder:
        return values.Holder(held=values.Base(id=1), many=[values.Base(id=2)])

    @hold.compensation
    async def free(_: None, held: values.Holder) -> None:
        given.append(held)

    @service.step(external=True)
    async def refuse() -> None:
        raise Reject("no")

    definition = Definition("held")
    definition.step("service.refuse", after=definition.step("service.hold"))
    sagas = await any_world.join(service)
    await (await sagas.start(definition)).result(10)

    assert given == [values.Holder(held=values.Base(id=1), many=[values.Base(id=2)])]
