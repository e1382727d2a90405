"""Hostile handlers that run in threads: each fails its own saga at most, and the healthy ones complete."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from saga import Definition, Participant, Retry, memory
from tests.bad_input.hostility import ERRORS, REJECTIONS, RESULTS
from tests.runtime.world import World, until

URL: Final = "memory://hostile_threads"
QUICK: Final = Retry(attempts=3, first="10ms", cap="20ms")
SECONDS: Final = 60


def raising(make: Callable[[], Any]) -> Callable[[int], str]:
    """A sync handler that raises on its first call, and works on the second."""
    calls: list[int] = []

    def handler(number: int) -> str:
        calls.append(number)
        if len(calls) == 1:
            raise make()
        return "done"

    return handler


def returning(annotation: Any, make: Callable[[], Any]) -> Callable[[int], Any]:
    def handler(_: int) -> Any:
        return make()

    handler.__annotations__["return"] = annotation
    return handler


async def test_no_sync_handler_disturbs_another_saga() -> None:
    service, definitions = Participant("service"), list[Definition[int]]()
    handlers = [raising(make) for make in (*ERRORS.values(), *REJECTIONS.values())]
    handlers += [returning(*result) for result in RESULTS.values()]
    for position, handler in enumerate(handlers):
        service.step(name=f"step_{position}", external=True, read_only=True)(handler)
        definition = Definition(f"hostile_{position}", input=int)
        definition.step(f"service.step_{position}", retry=QUICK, compensation_retry=QUICK, timeout="1s")
        definitions.append(definition)

    @service.step(external=True, read_only=True)
    async def healthy(number: int) -> int:
        return number

    good = Definition("good", input=int)
    good.returns(good.step("service.healthy").output)
    async with World(URL) as world:
        sagas = await world.join(service, margin=0.1)
        hostile = [await sagas.start(definition, 1) for definition in definitions]
        sound = [await sagas.start(good, number) for number in range(len(definitions))]

        ends = await asyncio.gather(*(handle.result(SECONDS) for handle in sound))
        assert [end.value for end in ends] == list(range(len(definitions)))
        for handle in hostile:
            await until(
                partial(has_settled, sagas, handle.id), "it has ended or waits for an operator", seconds=SECONDS
            )
        await world.verify()
    memory.forget(URL)


async def has_settled(sagas: Any, saga: Any) -> bool:
    """True for a saga that has ended or waits for an operator."""
    state = (await sagas.detail(saga)).state
    return bool(state.phase.is_terminal or state.is_stuck)
