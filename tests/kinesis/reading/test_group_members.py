"""Readers die, freeze and wake up: their shards are taken over, and who was away too long hands out nothing more."""

from __future__ import annotations

import random
import signal
import time

import pytest

from tests.kinesis.books import Books, connected
from tests.kinesis.crowd import Crowd
from tests.kinesis.operator import Operator
from tests.runtime.world import until

WARM = 60
STORM_SECONDS = 5.0
LONG_STORM_SECONDS = 60.0
CROWD_MAX = 3


async def test_the_shards_of_a_dead_reader_are_taken_over(bus_url: str) -> None:
    books = Books()
    async with connected(bus_url, 2) as (publisher, survivor), Crowd(bus_url, books.arrived) as crowd:
        doomed = await crowd.join()
        async with books.publishing(publisher):
            await books.more(WARM)
            async with books.reading(survivor):
                await crowd.lose(doomed, signal.SIGKILL)
                seconds = await books.more(WARM)
        async with books.reading(survivor):
            await books.complete()
    assert seconds < 10  # a lease of 2 s, and a busy machine


async def test_a_reader_that_was_frozen_hands_out_nothing_that_others_have_taken_over(
    bus_url: str, operator: Operator
) -> None:
    books = Books()
    async with (
        connected(f"{bus_url}&shards=1", 2) as (publisher, heir),
        Crowd(f"{bus_url}&shards=1", books.arrived) as crowd,
    ):
        await books.publish(publisher, 20)
        sleeper = await crowd.join("step")
        sleeper.step()
        await until(lambda: sleeper.own, "it has one delivery in hand, and others ready")
        sleeper.freeze()
        async with books.reading(heir):
            await books.complete()
            sleeper.step()
            sleeper.thaw()
            await until(lambda: _readers(operator), "it is among the readers again")
            await books.publish(publisher, 20)
            await books.complete()
        assert sum(sleeper.own.values()) == 1


async def _readers(operator: Operator) -> bool:
    return len(await operator.rows("select 1 from reader where stream = $1")) == 2


@pytest.mark.parametrize(
    "seconds",
    [pytest.param(STORM_SECONDS, id="short"), pytest.param(LONG_STORM_SECONDS, id="long", marks=pytest.mark.chaos)],
)
async def test_a_storm_of_readers_that_join_leave_freeze_and_die_loses_nothing(bus_url: str, seconds: float) -> None:
    books, chance = Books(), random.Random(7)  # noqa: S311
    async with connected(bus_url, 1) as (publisher,), Crowd(bus_url, books.arrived) as crowd:
        async with books.publishing(publisher):
            give_up_at = time.monotonic() + seconds
            while time.monotonic() < give_up_at:
                if len(crowd.members) < CROWD_MAX:
                    await crowd.join()
                victim = chance.choice(crowd.members)
                event = chance.choice(["leave", "die", "freeze", "thaw", "nothing"])
                if event == "freeze":
                    victim.freeze()
                elif event == "thaw":
                    victim.thaw()
                elif event != "nothing":
                    await crowd.lose(victim, signal.SIGINT if event == "leave" else signal.SIGKILL)
        last = await crowd.join()
        for member in crowd.members:
            member.thaw()
        await books.complete()
        assert last.is_ready
