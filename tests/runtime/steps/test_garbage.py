"""Reference counts free everything that a step has used. A step that leaves a cycle behind makes its process collect garbage."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator

import pytest

from saga import Context, Definition, Participant, Reject, Retry
from saga.ports.values.claim import Claim
from tests.runtime.steps.test_modes import prepared, shop
from tests.runtime.world import Provider, World, until

Database = Callable[[], Awaitable[str]]
SAGAS = 5


@pytest.fixture
def collector() -> Iterator[None]:
    """Disables the collector during the test, so that only reference counts free objects."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def garbage() -> list[object]:
    """Claims and contexts that are unreachable and still in memory."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    gc.set_debug(0)
    found: list[object] = [one for one in gc.garbage if isinstance(one, Claim | Context)]
    gc.garbage.clear()
    return found


@pytest.mark.usefixtures("collector")
@pytest.mark.parametrize("word", ["good", "bad"])
async def test_steps_of_every_mode_and_their_compensations_leave_no_garbage(
    world: World, fresh_database: Database, word: str
) -> None:
    participants, definition = shop(await prepared(world.url), await prepared(await fresh_database()), Provider())
    sagas = await world.join(*participants)
    for handle in [await sagas.start(definition, word) for _ in range(SAGAS)]:
        await handle.result(10)
    await until(lambda: not sagas.process.intake.in_flight, "the last task has ended")
    assert not garbage()


@pytest.mark.usefixtures("collector")
async def test_failing_long_and_synchronous_steps_leave_no_garbage(any_world: World) -> None:
    service = Participant("service")

    @service.step(external=True, read_only=True)
    async def flaky(ctx: Context) -> None:
        await ctx.heartbeat({"attempt": ctx.attempt})
        if ctx.attempt == 1:
            raise ConnectionError
        if ctx.attempt == 2:
            await asyncio.Event().wait()

    @service.step(external=True)
    def refusing(ctx: Context) -> None:
        ctx.log.info("refusing")
        raise Reject("no")

    definition = Definition("untidy")
    first = definition.step("service.flaky", retry=Retry(attempts=5, first="10ms"), timeout="50ms")
    definition.step("service.refusing", after=first)
    sagas = await any_world.join(service)
    for handle in [await sagas.start(definition) for _ in range(SAGAS)]:
        await handle.result(10)
    await until(lambda: not sagas.process.intake.in_flight, "the last task has ended")
    assert not garbage()
