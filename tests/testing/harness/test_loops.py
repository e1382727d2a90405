"""The harness runs within any event loop, within none, and as a fixture."""

from __future__ import annotations

import asyncio
from pathlib import Path

import anyio
import pytest
import uvloop

from saga.testing import harness
from tests.testing.harness.shop import LAMP, inventory, order

pytest_plugins = ["pytester"]
SUITE = """
import asyncio
import pytest
from saga.testing import harness
from tests.testing.harness.shop import LAMP, inventory, order

def test_without_a_loop(saga_harness):
    shop = saga_harness(order, inventory, "payments", "mail")
    assert asyncio.run(shop.run(LAMP)).is_completed

@pytest.mark.anyio
async def test_with_anyio(saga_harness):
    shop = saga_harness(order, inventory, "payments", "mail")
    assert (await shop.run(LAMP)).is_completed

@pytest.mark.asyncio
async def test_that_fails(saga_harness):
    shop = saga_harness(order, inventory, "payments", "mail")
    await shop.run(LAMP)
    assert shop.undone("inventory.reserve")
"""


async def use() -> int:
    async with asyncio.timeout(60), harness(order, inventory, "payments", "mail") as shop:
        before, task = asyncio.get_running_loop(), asyncio.current_task()
        await shop.run(LAMP)
        await shop.advance("10d")
        assert (asyncio.get_running_loop(), asyncio.current_task()) == (before, task)
        await asyncio.sleep(0)
        return len(shop.calls)


def test_asyncio_run() -> None:
    assert asyncio.run(use()) == 3


def test_uvloop() -> None:
    assert uvloop.run(use()) == 3


def test_anyio() -> None:
    assert anyio.run(use, backend_options={"debug": True}) == 3


async def test_two_harnesses_at_once() -> None:
    counts = await asyncio.gather(use(), use())

    assert sum(counts) == 6


async def test_every_run_is_the_same() -> None:
    async def ids() -> list[object]:
        async with harness(order, inventory, "payments", "mail") as shop:
            return [(await shop.start(LAMP)).id, (await shop.start(LAMP)).id]

    assert await ids() == await ids()


def test_the_fixture(pytester: pytest.Pytester) -> None:
    pytester.makeconftest('pytest_plugins = ["saga.testing.plugin"]')
    pytester.makepyfile(SUITE)
    options = (f"pythonpath={Path(__file__).parents[3]}", "asyncio_default_fixture_loop_scope=function")
    result = pytester.runpytest("-k", "not trio", *(word for option in options for word in ("-o", option)))

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*sagas of the test*", "*order, started with*", "*reserve succeeded: 100*"])
