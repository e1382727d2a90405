"""Members and brokers join, leave, freeze and die all the time: every published message is read."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from saga.errors import Unavailable
from saga_kafka import open_bus
from tests.adapters.delivery_log import GROUP, TOPIC, DeliveryLog
from tests.runtime.world import until
from tests.services.kafka import Shape, cluster
from tests.services.places import or_skip

ROOT: Final = Path(__file__).parents[2]
MEMBERS_MAX: Final = 4
FROZEN_SECONDS: Final = 1.0
SETTLE_SECONDS: Final = 45.0  # a session of a frozen or dead member, and what is left to read


class MemberProcesses:
    """Member processes. Each writes what it has read to a file of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._url = url
        self._files: list[Path] = []
        self.running: list[subprocess.Popen[bytes]] = []

    def join(self) -> None:
        path = self._folder / f"{len(self._files)}.read"
        self._files.append(path)
        with path.open("wb") as out, path.with_suffix(".log").open("wb") as log:
            self.running.append(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.kafka.member", self._url], cwd=ROOT, stdout=out, stderr=log
                )
            )

    def arrived(self) -> Counter[int]:
        """The count of each number that was read. The last line of a killed member may be incomplete."""
        found: Counter[int] = Counter()
        for path in self._files:
            whole, _, _ = path.read_text().rpartition("\n")
            found.update(int(word) for word in whole.split())
        return found

    def take(self, chance: random.Random) -> subprocess.Popen[bytes]:
        return self.running.pop(chance.randrange(len(self.running)))

    def close(self) -> None:
        for process in self.running:
            process.kill()
            process.wait()


@pytest.fixture
def members(tmp_path: Path, kafka_url: str) -> Iterator[MemberProcesses]:
    members = MemberProcesses(tmp_path, f"{kafka_url}&session=6s")
    yield members
    members.close()


async def test_nothing_is_lost_in_a_storm_of_rebalances(members: MemberProcesses, kafka_url: str) -> None:
    await storm(members, kafka_url, seconds=6)


@pytest.mark.chaos
async def test_nothing_is_lost_in_a_minute_of_rebalances(members: MemberProcesses, kafka_url: str) -> None:
    await storm(members, kafka_url, seconds=60)


async def storm(members: MemberProcesses, url: str, *, seconds: float) -> None:
    """Makes members join, leave, freeze for a while, or die, one after the other."""
    chance, log, publisher = random.Random(7), DeliveryLog(), open_bus(url, "saga")  # noqa: S311
    await publisher.ensure([TOPIC], GROUP)
    events: Counter[str] = Counter()
    members.join()
    async with log.publishing(publisher):
        await until(members.arrived, "a member reads", seconds=20)
        end_at = time.monotonic() + seconds
        while time.monotonic() < end_at:
            event = "join" if len(members.running) < 2 else chance.choice(["join", "leave", "freeze", "die"])
            if event == "join" and len(members.running) >= MEMBERS_MAX:
                continue
            events[event] += 1
            await act(members, event, chance)
            await _published(log, len(log.published) + 40)
    if not members.running:
        members.join()
    await until(lambda: log.published <= members.arrived().keys(), "everything was read", seconds=SETTLE_SECONDS)
    await publisher.close()
    assert events.total() > seconds / 4, events


async def _published(log: DeliveryLog, count: int) -> None:
    await until(lambda: len(log.published) > count, "publishing continues", seconds=20)


async def act(members: MemberProcesses, event: str, chance: random.Random) -> None:
    if event == "join":
        members.join()
    elif event == "leave":
        process = members.take(chance)
        process.terminate()
        await asyncio.to_thread(process.wait, 20)
    elif event == "freeze":
        process = chance.choice(members.running)
        process.send_signal(signal.SIGSTOP)
        until_at = time.monotonic() + FROZEN_SECONDS
        await until(lambda: time.monotonic() > until_at, "it was frozen for a while")
        process.send_signal(signal.SIGCONT)
    else:
        process = members.take(chance)
        process.kill()
        process.wait()


@pytest.mark.chaos
async def test_nothing_is_lost_with_one_of_three_brokers() -> None:
    with or_skip(cluster(Shape(nodes=3))) as brokers:
        publisher, reader, log = open_bus(brokers.url, "saga"), open_bus(brokers.url, "saga"), DeliveryLog()
        await publisher.ensure([TOPIC], GROUP)
        async with log.publishing(publisher), log.reading(reader):
            await log.more(200)
            await asyncio.to_thread(brokers.kill, 1)
            await log.more(1_000, seconds=60)
            await asyncio.to_thread(brokers.start, 1)
            await log.more(1_000, seconds=60)
            await asyncio.to_thread(brokers.kill, 2)
            await log.more(1_000, seconds=60)
        async with log.reading(reader):
            await log.complete(seconds=60)
        await publisher.close()
        await reader.close()


@pytest.mark.chaos
async def test_a_dead_partition_delays_the_others_only_once() -> None:
    with or_skip(cluster(Shape(nodes=3))) as brokers:
        bus = open_bus(
            brokers.url.replace("replication=3", "replication=1").replace("partitions=3", "partitions=6"), "saga"
        )
        log = DeliveryLog()
        await bus.ensure([TOPIC], GROUP)
        await log.publish(bus, 100)
        await asyncio.to_thread(brokers.kill, 3)
        failures, slow = 0, 0
        for _ in range(30):
            began = time.monotonic()
            try:
                await log.publish(bus, 100)
            except Unavailable:
                failures += 1
            slow += time.monotonic() - began > 2
        assert failures <= 2
        assert slow <= 3
        await bus.close()
