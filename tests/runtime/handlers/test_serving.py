"""A block of `serve` that was left runs nothing more."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from saga import Definition, Participant, Retry, UsageError
from saga.errors import Unavailable
from saga.runtime.handlers import time_limit
from tests.runtime.bus.test_dispatcher import dispatcher_of
from tests.runtime.world import Gate, World, until


class Shop:
    """A service with one external step, which waits for the gate."""

    def __init__(self) -> None:
        self.service = Participant("shop")
        self.gate = Gate()
        self.began = 0
        self.ended = 0
        self.service.step(external=True, name="pay")(self._pay)
        self.definition = Definition("order", input=int)
        self.definition.returns(self.definition.step("shop.pay", timeout="30s", retry=Retry(attempts=1)).output)

    async def _pay(self, number: int) -> int:
        self.began += 1
        await self.gate.wait()
        self.ended += 1
        return number


@pytest.mark.parametrize("is_raising", [False, True])
async def test_nothing_begins_after_the_block_was_left(any_world: World, is_raising: bool) -> None:  # noqa: FBT001
    shop = Shop()
    shop.gate.open()
    sagas = await any_world.join()
    try:
        async with sagas.serve(shop.service):
            assert (await (await sagas.start(shop.definition, 1)).result(10)).value == 1
            if is_raising:
                raise InterruptedError
    except InterruptedError:
        pass
    later = [await sagas.start(shop.definition, number) for number in range(2, 5)]
    other = await any_world.join()
    later.append(await other.start(shop.definition, 5))
    with pytest.raises(TimeoutError):
        await later[0].result(0.5)
    assert (shop.began, sagas.process.intake.capacity) == (1, 0)
    async with sagas.serve(shop.service):
        assert [(await sagas.handle(handle.id).result(10)).value for handle in later] == [2, 3, 4, 5]


async def test_a_running_step_may_finish_when_the_block_is_left(any_world: World) -> None:
    shop = Shop()
    sagas = await any_world.join(drain=10)
    async with sagas.serve(shop.service):
        handle = await sagas.start(shop.definition, 7)
        await shop.gate.somebody_waits()
        asyncio.get_running_loop().call_later(0.1, shop.gate.open)
    assert (shop.ended, (await handle.result(10)).value) == (1, 7)


async def test_a_step_that_runs_on_is_cut_off_and_given_back(any_world: World) -> None:
    shop = Shop()
    sagas = await any_world.join(drain=0, margin=0)
    async with sagas.serve(shop.service):
        handle = await sagas.start(shop.definition, 7)
        await shop.gate.somebody_waits()

    async def is_given_back() -> bool:
        return not (await sagas.snapshot(handle.id)).claimed

    await until(is_given_back, "the claim is given back")
    assert (await sagas.snapshot(handle.id)).unquiet == frozenset({0})
    shop.gate.open()
    async with sagas.serve(shop.service):
        assert (await handle.result(10)).value == 7


async def test_steps_that_wait_for_their_turn_are_given_back(any_world: World) -> None:
    shop, wide = Shop(), Participant("wide", concurrency=50)
    shop.service.concurrency = 2
    sagas = await any_world.join(wide, drain=5)
    async with sagas.serve(shop.service):
        handles = [await sagas.start(shop.definition, number) for number in range(10)]
        await until(lambda: shop.began == 2 and sagas.process.intake.in_flight == 10, "the others wait")
        asyncio.get_running_loop().call_later(0.1, shop.gate.open)
    assert (shop.began, shop.ended, sagas.process.intake.in_flight) == (2, 2, 0)
    async with sagas.serve(shop.service):
        assert [(await handle.result(10)).value for handle in handles] == list(range(10))


async def test_the_commands_go_to_a_process_that_still_serves(any_world: World) -> None:
    shop = Shop()
    shop.gate.open()
    sagas = await any_world.join()
    async with sagas.serve(shop.service):
        pass
    await any_world.join(shop.service)
    handles = [await sagas.start(shop.definition, number) for number in range(5)]
    assert [(await handle.result(10)).value for handle in handles] == list(range(5))


async def test_a_service_is_served_once_by_a_connection_at_a_time(any_world: World) -> None:
    shop = Shop()
    sagas = await any_world.join()
    async with sagas.serve(shop.service):
        with pytest.raises(UsageError, match="serves shop already"):
            async with sagas.serve(Participant("other"), Participant("shop")):
                pass
        async with sagas.serve(Participant("other")):
            shop.gate.open()
            assert (await (await sagas.start(shop.definition, 1)).result(10)).value == 1


async def test_a_block_may_be_left_while_another_goes_on(any_world: World) -> None:
    shop, other = Shop(), Participant("other")
    shop.gate.open()

    @other.step(external=True)
    async def greet(name: str) -> str:
        return f"hello {name}"

    definition = Definition("greeting", input=str)
    definition.returns(definition.step("other.greet").output)
    sagas = await any_world.join(other)
    async with sagas.serve(shop.service):
        assert (await (await sagas.start(shop.definition, 1)).result(10)).value == 1
    waiting = await sagas.start(shop.definition, 2)
    assert (await (await sagas.start(definition, "world")).result(10)).value == "hello world"
    assert shop.began == 1
    async with sagas.serve(shop.service):
        assert (await waiting.result(10)).value == 2


async def test_a_block_that_serves_over_a_bus_leaves_its_topics(any_world: World) -> None:
    shop = Shop()
    shop.gate.open()
    sagas = await any_world.join(bus="memory://left_block", redrive=1)
    async with sagas.serve(shop.service):
        assert (await (await sagas.start(shop.definition, 1)).result(10)).value == 1
    waiting = await sagas.start(shop.definition, 2)
    with pytest.raises(TimeoutError):
        await waiting.result(1.5)
    assert shop.began == 1
    async with sagas.serve(shop.service):
        assert (await waiting.result(20)).value == 2


async def test_the_topics_of_a_left_block_are_not_read_again_while_its_last_step_runs(any_world: World) -> None:
    shop = Shop()
    sagas = await any_world.join(bus="memory://left_late", drain=10)
    async with sagas.serve(shop.service):
        await sagas.start(shop.definition, 1)
        await shop.gate.somebody_waits()
        asyncio.get_running_loop().call_later(0.1, shop.gate.open)
    assert shop.ended == 1
    assert not dispatcher_of(sagas)._readers


class Slow:
    """A bus that answers only when the gate is open."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    async def ensure(self, topics: Sequence[str], group: str) -> None:  # noqa: ARG002
        await self.gate.wait()

    def subscribe(self, *_: object, **__: object) -> Any:
        raise Unavailable("away")


@pytest.mark.parametrize("is_left", [False, True])
async def test_a_bus_that_is_slow_to_answer_gets_one_reader_or_none_if_the_service_was_left(
    any_world: World,
    is_left: bool,  # noqa: FBT001
) -> None:
    sagas = await any_world.join(bus="memory://slow")
    gate, dispatcher, router = Gate(), dispatcher_of(sagas), sagas.process.router
    bus: Any = Slow(gate)
    bus, dispatcher._bus = dispatcher._bus, bus
    before = len(sagas.process.background._tasks)
    router.serve(["shop"])
    joining = asyncio.gather(dispatcher.serve(["shop"]), dispatcher.serve(["shop"]))
    await gate.somebody_waits()
    if is_left:
        router.withdraw(["shop"])
    gate.open()
    await joining
    assert len(sagas.process.background._tasks) - before == len(dispatcher._readers) == (0 if is_left else 1)
    await dispatcher.stop_reading()
    dispatcher._bus = bus


async def test_leaving_takes_no_longer_than_the_drain_whatever_the_handler_does(
    any_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_limit, "UNWIND_SECONDS", 0.1)
    service = Participant("service")
    began, is_over = asyncio.Event(), False

    async def stubborn() -> None:
        while not is_over:
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                began.set()

    @service.step(external=True)
    async def wait() -> Any:
        began.set()
        await stubborn()

    definition = Definition("stubborn")
    definition.step("service.wait", timeout="1h")
    sagas = await any_world.join(drain=0)
    async with asyncio.timeout(5):
        async with sagas.serve(service):
            await sagas.start(definition)
            await began.wait()
    assert sagas.process.intake.in_flight == 0
