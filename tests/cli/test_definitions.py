"""`saga definitions activate`: a start by name uses the version that was activated last."""

from __future__ import annotations

import asyncio
import json

from tests.cli.conftest import Command
from tests.cli.counter import counter_on


def test_a_version_is_activated_and_the_one_before_is_named(command: Command, store: str) -> None:
    asyncio.run(register_two(store))

    back = command("definitions", "activate", "order", "--version", "1", "--store", store)
    again = command("definitions", "activate", "order", "--version", "2", "--json", "--store", store)
    listed = json.loads(command("definitions", "--json", "--store", store).out)
    missing = command("definitions", "activate", "order", "--version", "3", "--store", store)
    unknown = command("definitions", "activate", "ordr", "--version", "1", "--store", store)

    assert (back.code, back.out) == (0, "a start of order uses v1 from now on; until now it was v2\n")
    assert json.loads(again.out) == {"name": "order", "version": 2, "before": 1}
    assert {one["version"]: one["default"] for one in listed} == {1: False, 2: True}
    assert (missing.code, unknown.code) == (1, 1)
    assert "Did you mean order?" in unknown.err


async def register_two(store: str) -> None:
    async with counter_on(store) as counter:
        counter.order.version = 2
        await counter.sagas.register(counter.order)
