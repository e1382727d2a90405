"""One run: everything works, then it is broken for some time, the faults stop, everything ends, and the audit counts."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from tests.chaos import evidence
from tests.chaos.audit import Verdict, audit
from tests.chaos.faults import faults_of
from tests.chaos.killer import Kills
from tests.chaos.system.external_systems import BUSES, ELECTIONS, ExternalSystem, Fault
from tests.chaos.system.site import Site, site
from tests.runtime.world import Sql, until

KEEP_SECONDS = 0.2
SETTLED_SECONDS = 60.0
WARM_SECONDS = 30.0
RATE = 400.0
OPEN_MAX = 200  # a customer with this many open sagas waits before it starts more

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """The length and the load of a run.

    `rate` is the number of sagas that customers start per second, `kill_every_seconds` the pause between two kills,
    `rest_seconds` the pause between two other faults. `only` selects the faults whose name contains it.
    """

    seconds: float
    seed: int
    rate: float = RATE
    open_max: int = OPEN_MAX
    kill_every_seconds: float = 1.0
    rest_seconds: float = 0.5
    bus: str = "store"
    election: str = "store"
    only: str = ""


@dataclass(slots=True)
class Figures:
    """The figures of a run. Seconds are wall time; `faulty_seconds` runs from the first start to the end of the last fault."""

    plan: Plan
    disk: str = ""
    faults: Counter[str] = field(default_factory=Counter)
    kills: Kills = field(default_factory=Kills)
    recovery_seconds_max: float = 0.0
    slowest: str = ""
    faulty_seconds: float = 0.0
    drain_seconds: float = 0.0
    acknowledged: int = 0
    began_in_vain: int = 0
    died: list[str] = field(default_factory=list)
    verdict: Verdict = field(default_factory=Verdict)

    @property
    def sagas_per_second(self) -> float:
        """Ended sagas per second of wall time, faults and drain included."""
        ended = sum(count for ending, count in self.verdict.endings.items() if ending != "open")
        return ended / max(self.faulty_seconds + self.drain_seconds, 0.001)

    def lines(self) -> Iterator[str]:
        """The figures for people."""
        kills, verdict = self.kills, self.verdict
        yield f"{sum(self.faults.values())} faults of {len(self.faults)} kinds; disk: {self.disk}"
        yield f"{kills.kills} kills -9 of participants, {kills.hits} hit held claims, {kills.claims} claims in all"
        yield (
            f"{self.acknowledged} starts acknowledged, {verdict.sagas} sagas: {dict(verdict.endings)};"
            f" {self.sagas_per_second:.1f} sagas/s of wall time, faults and drain included"
        )
        yield (
            f"faults for {self.faulty_seconds:.0f} s, then {self.drain_seconds:.1f} s until all had ended;"
            f" after a fault the next answer came within {self.recovery_seconds_max:.1f} s"
        )
        yield f"sagas that wait: {', '.join(f'{count} {what}' for what, count in verdict.waits.items())}"
        yield f"{verdict.transitions} transitions held against the rules of the protocol by `saga verify`"
        yield f"violations: {dict(verdict.violations) or 'none'}"
        yield from (f"  {kind}: {example}" for kind, example in verdict.examples.items())

    def document(self) -> dict[str, object]:
        """The figures for a file."""
        verdict = self.verdict
        counted: dict[str, object] = {
            name: dict(counter)
            for name, counter in (
                ("faults", self.faults),
                ("endings", verdict.endings),
                ("waits", verdict.waits),
                ("violations", verdict.violations),
            )
        }
        return {
            "plan": asdict(self.plan),
            "disk": self.disk,
            "kills": asdict(self.kills),
            "began_in_vain": self.began_in_vain,
            "acknowledged": self.acknowledged,
            "sagas": verdict.sagas,
            "transitions_verified": verdict.transitions,
            "sagas_per_second": round(self.sagas_per_second, 1),
            "faulty_seconds": round(self.faulty_seconds, 1),
            "drain_seconds": round(self.drain_seconds, 1),
            "recovery_seconds_max": round(self.recovery_seconds_max, 2),
            **counted,
            "examples": verdict.examples,
        }


async def run(plan: Plan, folder: Path, say: Say) -> Figures:
    """Break things for `plan.seconds`; `folder` keeps the logs and what was answers."""
    figures = Figures(plan)
    async with _outside(plan) as outside, site(folder, plan.seed, outside) as made:
        figures.disk = made.places.disk.kind if made.places.disk else made.no_disk
        await until(made.is_ready, "the definitions are registered", seconds=WARM_SECONDS)
        made.hire(plan.rate, plan.open_max)
        await until(lambda: made.told_bytes() > 0, "the first saga is started", seconds=WARM_SECONDS)
        began_at = time.monotonic()
        await _broken(made, figures, began_at, say)
        figures.faulty_seconds = time.monotonic() - began_at
        say(f"the faults stop after {figures.faulty_seconds:.0f} s")
        await _settled(made, figures)
        say(f"everything else has come to its end after {figures.drain_seconds:.1f} s")
        found = await evidence.collect(made.places.store.url, made.places.stock.url, folder)
    figures.acknowledged = len(found.answers.started)
    figures.verdict = audit(replace(found, died=figures.died))
    return figures


@asynccontextmanager
async def _outside(plan: Plan) -> AsyncIterator[ExternalSystem]:
    async with BUSES[plan.bus]() as bus, ELECTIONS[plan.election]() as election:
        yield bus | election


async def _broken(made: Site, figures: Figures, began_at: float, say: Say) -> None:
    """Injects one fault after the other, and kills all the time."""
    tasks = [
        asyncio.create_task(figures.kills.run(made, figures.plan.kill_every_seconds)),
        asyncio.create_task(_keep_running(made, figures)),
    ]
    try:
        for name, fault in _deck(made, figures.plan):
            if time.monotonic() >= began_at + figures.plan.seconds:
                break
            struck_at = time.monotonic()
            await fault(made)
            seconds = await made.progress()
            figures.faults[name] += 1
            figures.recovery_seconds_max = max(figures.recovery_seconds_max, seconds)
            say(
                f"{time.monotonic() - began_at:6.1f} s  {name}: {time.monotonic() - struck_at:.1f} s,"
                f" {figures.kills.hits} kills so far"
            )
            await asyncio.sleep(made.chance.uniform(0, 2 * figures.plan.rest_seconds))
    finally:
        for task in tasks:
            if not await _ended(task):
                task.result()
    for one in made.members:
        if one.is_running:
            one.send(signal.SIGCONT)
        else:
            one.start()


def _deck(made: Site, plan: Plan) -> Iterator[tuple[str, Fault]]:
    """Yields every fault in a random order, and again in another one."""
    chance = random.Random(plan.seed)
    faults = sorted((name, fault) for name, fault in faults_of(made).items() if plan.only in name)
    if not faults:
        raise ValueError(f"no fault is called {plan.only}")
    while True:
        chance.shuffle(faults)
        yield from faults


async def _keep_running(made: Site, figures: Figures) -> None:
    """Starts ended processes again, as a process manager does."""
    while True:
        _look_for_the_dead(made, figures)
        await asyncio.sleep(KEEP_SECONDS)


def _look_for_the_dead(made: Site, figures: Figures) -> None:
    """No fault may end a serving process. A process that starts while the store is away reports it and ends, and is started again."""
    for one in made.members:
        if one.has_ended_by_itself:
            if one.has_served:
                figures.died.append(f"{one.name}: {one.log_tail()}")
            else:
                figures.began_in_vain += 1
            one.start()


async def _settled(made: Site, figures: Figures) -> None:
    """Ends a run: the customers start no more, everything ends, and then every process stops cleanly."""
    began_at = time.monotonic()
    await until(made.are_attended, "the customers have taken over", seconds=WARM_SECONDS)
    await asyncio.gather(*(one.stop(SETTLED_SECONDS) for one in made.customers))
    async with made.looking() as sql:
        left_seconds = SETTLED_SECONDS - (time.monotonic() - began_at)
        with contextlib.suppress(AssertionError):  # the audit reports the sagas that have not ended
            await until(lambda: _is_finished(sql), "all sagas have ended", seconds=left_seconds)
    figures.drain_seconds = time.monotonic() - began_at
    _look_for_the_dead(made, figures)
    for one in (*made.participants, *made.supervisors):
        if not await one.stop():
            figures.died.append(f"{one.name} did not end when it was told to: {one.log_tail()}")


async def _is_finished(sql: Sql) -> bool:
    return not await sql.fetchval(evidence.UNFINISHED)


async def _ended(task: asyncio.Task[None]) -> bool:
    """Cancels a task; returns True if it was still running."""
    was_running = task.cancel()
    await asyncio.wait({task})
    return was_running
