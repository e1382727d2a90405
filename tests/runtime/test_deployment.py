"""A deployment is checked at its start against the definitions in use, and a service that is gone can be forgotten."""

from __future__ import annotations

import pytest

from saga import App, Definition, Participant
from saga.errors import Conflict, NotFound
from tests.runtime.world import Gate, World

MISSING = "this build lacks what definitions in use need"


def shop(
    *, compensated: bool = True, gate: Gate | None = None, handlers: tuple[str, ...] = ("reserve", "ship")
) -> Participant:
    participant = Participant("shop")
    if "reserve" in handlers:

        @participant.step(external=True)
        async def reserve(n: int) -> int:
            return n

        if compensated:

            @reserve.compensation
            async def release(n: int, reserved: int) -> None: ...

    if "ship" in handlers:

        @participant.step(external=True)
        async def ship(n: int) -> int:
            if gate is not None:
                await gate.wait()
            return n

    return participant


def order(version: int = 1) -> Definition:
    definition = Definition("order", version=version, input=int)
    definition.step("shop.ship", after=definition.step("shop.reserve"), pivot=True)
    return definition


async def registered(world: World) -> App:
    sagas = await world.join()
    async with sagas.serve(shop()):
        await sagas.register(order())
    return sagas


@pytest.mark.parametrize(
    ("participant", "gap"),
    [
        (shop(handlers=("ship",)), "order v1, step reserve: no handler shop.reserve in this process"),
        (shop(handlers=("reserve",)), "order v1, step ship: no handler shop.ship in this process"),
        (shop(compensated=False), "order v1, step reserve: shop.reserve has no compensation in this process"),
        (shop(), None),
    ],
    ids=["first handler", "second handler", "compensation", "nothing"],
)
async def test_a_process_says_what_it_lacks_for_the_definitions_in_use(
    participant: Participant, gap: str | None, any_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await registered(any_world)
    sagas = await any_world.join()
    caplog.clear()
    async with sagas.serve(participant):
        said = caplog.text
    assert (MISSING in said, gap is None or gap in said) == (gap is not None, True)


async def test_a_definition_that_nobody_starts_or_runs_is_not_in_use(any_world: World) -> None:
    sagas = await registered(any_world)
    assert [graph.version for graph in await sagas.process.directory.in_use(["shop", "other"])] == [1]
    assert await sagas.process.directory.in_use(["other"]) == []
    await sagas.register(order(version=2))
    assert [graph.version for graph in await sagas.process.directory.in_use(["shop"])] == [2]


async def test_a_definition_that_a_saga_runs_on_is_in_use(any_world: World) -> None:
    sagas, gate = await registered(any_world), Gate()
    async with sagas.serve(shop(gate=gate)):
        handle = await sagas.start("order", 1)
        await gate.somebody_waits()
        await sagas.register(order(version=2))
        found = await sagas.process.directory.in_use(["shop"])
        assert sorted(graph.version for graph in found) == [1, 2]
        gate.open()
        await handle.result(10)


async def test_a_service_is_forgotten_once_nothing_needs_it(any_world: World) -> None:
    sagas, gate = await any_world.join(), Gate()
    directory = sagas.process.directory
    with pytest.raises(NotFound, match="'shop' has published no contract"):
        await directory.forget("shop", deactivate=True)

    async with sagas.serve(shop(gate=gate)):
        await sagas.register(order())
        handle = await sagas.start("order", 1)
        await gate.somebody_waits()
        with pytest.raises(Conflict, match=r"served by .*; 1 unfinished sagas .*; it has steps in order v1"):
            await directory.forget("shop", deactivate=False)
        gate.open()
        await handle.result(10)
    await sagas.process.stop(0)

    client = await any_world.join()
    with pytest.raises(Conflict, match=r"it has steps in order v1: add --deactivate"):
        await client.process.directory.forget("shop", deactivate=False)
    assert await client.process.directory.forget("shop", deactivate=True) == ["order v1"]
    assert await client.process.directory.contracts() == {}
    with pytest.raises(NotFound, match="order"):
        await client.process.directory.find("order", None)
