"""Readers die, freeze and wake up: others take over their shards, and a reader that was away too long hands out nothing more."""

from __future__ import annotations

import random
import signal
import time

import pytest

from tests.adapters.delivery_log import DeliveryLog
from tests.kinesis.connections import connected
from tests.kinesis.operator import Operator
from tests.kinesis.reader_processes import ReaderProcesses
from tests.runtime.world import until

WARM = 60
STORM_SECONDS = 5.0
LONG_STORM_SECONDS = 60.0
READERS_MAX = 3


async def test_the_shards_of_a_dead_reader_are_taken_over(bus_url: str) -> None:
    log = DeliveryLog()
    async with connected(bus_url, 2) as (publisher, survivor), ReaderProcesses(bus_url, log.arrived) as readers:
        doomed = await readers.join()
        async with log.publishing(publisher):
            await log.more(WARM)
            async with log.reading(survivor):
                await readers.lose(doomed, signal.SIGKILL)
                seconds = await log.more(WARM)
        async with log.reading(survivor):
            await log.complete()
    assert seconds < 10  # a lease of 2 s, and a busy machine


async def test_a_frozen_reader_hands_out_nothing_from_shards_that_others_took_over(
    bus_url: str, operator: Operator
) -> None:
    log = DeliveryLog()
    async with (
        connected(f"{bus_url}&shards=1", 2) as (publisher, heir),
        ReaderProcesses(f"{bus_url}&shards=1", log.arrived) as readers,
    ):
        await log.publish(publisher, 20)
        sleeper = await readers.join("step")
        sleeper.step()
        await until(lambda: sleeper.own, "it holds one delivery, and has others ready")
        sleeper.freeze()
        async with log.reading(heir):
            await log.complete()
            sleeper.step()
            sleeper.thaw()
            await until(lambda: _readers(operator), "it is a reader again")
            await log.publish(publisher, 20)
            await log.complete()
        assert sum(sleeper.own.values()) == 1


async def _readers(operator: Operator) -> bool:
    return len(await operator.rows("select 1 from reader where stream = $1")) == 2


@pytest.mark.parametrize(
    "seconds",
    [pytest.param(STORM_SECONDS, id="short"), pytest.param(LONG_STORM_SECONDS, id="long", marks=pytest.mark.chaos)],
)
async def test_nothing_is_lost_while_readers_join_leave_freeze_and_die(bus_url: str, seconds: float) -> None:
    log, chance = DeliveryLog(), random.Random(7)  # noqa: S311
    async with connected(bus_url, 1) as (publisher,), ReaderProcesses(bus_url, log.arrived) as readers:
        async with log.publishing(publisher):
            give_up_at = time.monotonic() + seconds
            while time.monotonic() < give_up_at:
                if len(readers.members) < READERS_MAX:
                    await readers.join()
                victim = chance.choice(readers.members)
                event = chance.choice(["leave", "die", "freeze", "thaw", "nothing"])
                if event == "freeze":
                    victim.freeze()
                elif event == "thaw":
                    victim.thaw()
                elif event != "nothing":
                    await readers.lose(victim, signal.SIGINT if event == "leave" else signal.SIGKILL)
        last = await readers.join()
        for member in readers.members:
            member.thaw()
        await log.complete()
        assert last.is_ready
