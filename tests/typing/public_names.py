"""The public types, as users see them. mypy checks this file with the tree, pyright in `test_public_types.py`; nothing runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, assert_type

from saga import App, Context, Definition, Ending, Handle, Participant, Sagas, blocking, connect
from saga.authoring import Path
from saga.runtime.handlers.step_handler import StepHandler
from saga.testing import Call, Harness, InTurn, Run, harness, scripted


@dataclass
class Order:
    sku: str
    quantity: int


inventory = Participant("inventory", database="store")


@inventory.step
async def reserve(order: Order, ctx: Context) -> int:
    return order.quantity


@reserve.compensation
async def release(order: Order, reserved: int, ctx: Context) -> None: ...


@inventory.step(name="count", read_only=True)
def count(order: Order) -> str:
    return order.sku


order = Definition("order", input=Order)
counted = Definition[Any]("counted")
either = Definition("either", input=int | str)


async def a_handler_keeps_its_signature(ctx: Context) -> None:
    assert_type(await reserve(Order("lamp", 2), ctx), int)
    assert_type(count(Order("lamp", 2)), str)
    assert_type(await release(Order("lamp", 2), 2, ctx), None)
    await reserve("lamp", ctx)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    count()  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]


def a_handler_without_parameters_may_be_anything(handler: StepHandler) -> None:
    assert_type(handler(1, two=2), Any)


async def a_definition_knows_its_input(sagas: Sagas) -> None:
    assert_type(order, Definition[Order])
    await sagas.start(order, Order("lamp", 2), key="1")
    await sagas.start(order, {"sku": "lamp", "quantity": 2})
    await sagas.start("order", ["what", "fits"], version=3)
    await sagas.start(counted, 17)
    await sagas.start(either, "17")
    await sagas.start(order, 17)  # type: ignore[misc] # pyright: ignore[reportArgumentType, reportCallIssue]


async def an_ending_has_the_type_that_the_handle_was_given(sagas: Sagas) -> None:
    handle: Handle[str | None] = await sagas.start(order, Order("lamp", 2))
    ending = await handle.result(10)
    assert_type(ending, Ending[str | None])
    assert_type(ending.value, str | None)
    assert_type(ending.status, Literal["completed", "compensated", "abandoned"])
    assert_type((await sagas.handle(handle.id).result()).value, Any)


async def each_way_to_connect_has_its_type() -> None:
    async with connect(store="memory://typing") as over_the_store:
        assert_type(over_the_store, App)
    async with connect(api="https://saga.example.com", token="...") as over_the_api:  # noqa: S106
        assert_type(over_the_api, Sagas)
    connect(api="https://saga.example.com", store="memory://typing")  # type: ignore[call-overload] # pyright: ignore[reportCallIssue]


def a_blocking_connection_knows_the_same_types() -> None:
    with blocking.connect(api="https://saga.example.com") as sagas:
        handle: blocking.Handle[int] = sagas.start(order, Order("lamp", 2), key="1")
        assert_type(handle.result(10), Ending[int])
        sagas.start(order, 17)  # type: ignore[misc] # pyright: ignore[reportArgumentType, reportCallIssue]


def a_step_has_an_output() -> None:
    held = order.step("inventory.reserve", timeout="5s")
    assert_type(held.output, Path)
    order.returns({"reserved": held.output})


async def test_an_order() -> None:
    async with harness(order, scripted(inventory, count=InTurn(KeyError, "lamp")), "payments") as shop:
        assert_type(shop, Harness[Order])
        assert_type(await shop.start(Order("lamp", 1)), Run)
        assert_type(await shop.run(Order("lamp", 1)), Ending)
        assert_type(shop.called("inventory.count")[0], Call)
