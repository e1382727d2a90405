"""Facts that a process relies on for a moment: how many reads they cost, and whether they are the right ones."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

import pytest

from saga.api.kept import Kept
from saga.errors import Unavailable
from saga.testing.clocks.hand_clock import HandClock

SECONDS = 2.0


class Register:
    """Facts by name, which tell of each read. A read waits as long as `is_open` is not set."""

    def __init__(self, *, keys_max: int = 100) -> None:
        self.facts = {"ann": 1, "bob": 2}
        self.reads: list[set[str]] = []
        self.is_read = asyncio.Event()
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.clock = HandClock(0.0)
        self.kept: Kept[str, int] = Kept(self._read, self.clock.monotonic, lambda: SECONDS, keys_max)

    async def _read(self, keys: Collection[str]) -> Mapping[str, int]:
        self.reads.append(set(keys))
        self.is_read.set()
        await self.is_open.wait()
        if "broken" in keys:
            raise Unavailable("the store does not answer")
        return {key: self.facts[key] for key in keys if key in self.facts}


async def test_many_who_ask_at_once_cost_one_read() -> None:
    register = Register()

    found = await asyncio.gather(*(register.kept.get(name) for name in ["ann", "bob", "eve"] * 100))

    assert found == [1, 2, None] * 100
    assert register.reads == [{"ann", "bob", "eve"}]


async def test_a_read_renews_all_that_was_asked_for_since_the_last_one() -> None:
    register = Register()
    for name in ("ann", "bob", "eve", "ann", "bob", "eve"):
        await register.kept.get(name)
    await register.clock.advance(SECONDS)
    register.facts = {"ann": 3, "bob": 4}
    del register.reads[:]

    found = [await register.kept.get(name) for name in ("ann", "bob")]
    await register.clock.advance(SECONDS)
    await register.kept.get("ann")
    await register.clock.advance(SECONDS)
    await register.kept.get("ann")

    assert found == [3, 4]
    assert register.reads == [{"ann", "bob"}, {"ann", "bob"}, {"ann"}]


async def test_a_request_during_a_read_of_something_else_gets_the_next_one() -> None:
    register = Register()
    register.is_open.clear()
    first = asyncio.create_task(register.kept.get("ann"))
    await register.is_read.wait()
    others = [asyncio.create_task(register.kept.get(name)) for name in ("bob", "ann", "bob")]
    await asyncio.sleep(0)
    register.is_open.set()

    assert await asyncio.gather(first, *others) == [1, 2, 1, 2]
    assert register.reads == [{"ann"}, {"bob", "ann"}]


async def test_a_read_that_fails_fails_for_all_who_wait_and_the_next_one_tries_again() -> None:
    register = Register()

    failed = await asyncio.gather(*(register.kept.get("broken") for _ in range(3)), return_exceptions=True)
    with pytest.raises(Unavailable):
        await register.kept.get("broken")

    assert [type(error) for error in failed] == [Unavailable] * 3
    assert register.reads == [{"broken"}, {"broken"}]
    assert await register.kept.get("ann") == 1


async def test_a_fact_is_known_until_it_is_forgotten() -> None:
    register = Register()
    before = register.kept.known("ann")
    await register.kept.get("ann")
    known = register.kept.known("ann")
    register.kept.forget("ann")
    register.kept.forget("ann")

    assert (before, known, register.kept.known("ann")) == (None, 1, None)


async def test_a_fact_counts_from_the_moment_at_which_its_read_began() -> None:
    register = Register()
    register.is_open.clear()
    first = asyncio.create_task(register.kept.get("ann"))
    await register.is_read.wait()
    await register.clock.advance(SECONDS)
    register.is_open.set()
    await first
    register.facts = {}

    assert await register.kept.get("ann") is None


async def test_a_fact_that_is_forgotten_during_its_read_is_read_again() -> None:
    register = Register()
    register.is_open.clear()
    before = asyncio.create_task(register.kept.get("ann"))
    await register.is_read.wait()
    register.kept.forget("ann")
    register.is_open.set()

    assert await before == 1
    assert register.reads == [{"ann"}, {"ann"}]


async def test_a_bounded_number_of_facts_is_remembered() -> None:
    register = Register(keys_max=2)
    for name in ("ann", "bob", "eve"):
        await register.kept.get(name)

    assert [register.kept.known(name) for name in ("ann", "bob")] == [None, 2]


async def test_a_fact_that_is_renewed_is_counted_once() -> None:
    register = Register(keys_max=3)
    for name in ("ann", "bob", "eve"):
        await register.kept.get(name)

    assert [register.kept.known(name) for name in ("ann", "bob")] == [1, 2]
