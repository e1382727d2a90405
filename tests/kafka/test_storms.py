"""Members come, go, freeze and die without end, and brokers with them: whatever was published is read by somebody."""

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


class Herd:
    """Processes that read. Each writes what it read to a file of its own."""

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
        """How often each number was read. The last line of one that was killed may be cut off."""
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
def herd(tmp_path: Path, kafka_url: str) -> Iterator[Herd]:
    herd = Herd(tmp_path, f"{kafka_url}&session=6s")
    yield herd
    herd.close()


async def test_a_storm_of_rebalances_loses_nothing(herd: Herd, kafka_url: str) -> None:
    await storm(herd, kafka_url, seconds=6)


@pytest.mark.chaos
async def test_a_minute_of_rebalances_loses_nothing(herd: Herd, kafka_url: str) -> None:
    await storm(herd, kafka_url, seconds=60)


async def storm(herd: Herd, url: str, *, seconds: float) -> None:
    """One event after another: a member joins, leaves in order, is frozen for a while, or dies."""
    chance, log, publisher = random.Random(7), DeliveryLog(), open_bus(url, "saga")  # noqa: S311
    await publisher.ensure([TOPIC], GROUP)
    events: Counter[str] = Counter()
    herd.join()
    async with log.publishing(publisher):
        await until(herd.arrived, "somebody reads", seconds=20)
        end_at = time.monotonic() + seconds
        while time.monotonic() < end_at:
            event = "join" if len(herd.running) < 2 else chance.choice(["join", "leave", "freeze", "die"])
            if event == "join" and len(herd.running) >= MEMBERS_MAX:
                continue
            events[event] += 1
            await act(herd, event, chance)
            await _published(log, len(log.published) + 40)
    if not herd.running:
        herd.join()
    await until(lambda: log.published <= herd.arrived().keys(), "all was read", seconds=SETTLE_SECONDS)
    await publisher.close()
    assert events.total() > seconds / 4, events


async def _published(log: DeliveryLog, count: int) -> None:
    await until(lambda: len(log.published) > count, "publishing goes on", seconds=20)


async def act(herd: Herd, event: str, chance: random.Random) -> None:
    if event == "join":
        herd.join()
    elif event == "leave":
        process = herd.take(chance)
        process.terminate()
        await asyncio.to_thread(process.wait, 20)
    elif event == "freeze":
        process = chance.choice(herd.running)
        process.send_signal(signal.SIGSTOP)
        until_at = time.monotonic() + FROZEN_SECONDS
        await until(lambda: time.monotonic() > until_at, "it was frozen for a while")
        process.send_signal(signal.SIGCONT)
    else:
        process = herd.take(chance)
        process.kill()
        process.wait()


@pytest.mark.chaos
async def test_one_of_three_brokers_is_lost_for_good_and_nothing_with_it() -> None:
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
async def test_a_partition_that_died_with_its_only_copy_holds_the_others_up_once() -> None:
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
