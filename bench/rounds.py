"""Runs a job: Saga and the peer in alternation, round after round, and then the runs whose statements are counted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from bench.environment.server import Server
from bench.instruments.wire_proxy import counted
from bench.jobs import Job
from bench.measurement import Figures, Measure, NotMeasured, Setup

DATABASE = "bench"

# Two runs of different length: the cost of the start and of the end of a run cancels out.
COUNTED_SHORT = 40
COUNTED_LONG = 440


@dataclass(slots=True)
class Side:
    """The result of one side of a job: the figures of each round, or the reason why there are none."""

    rounds: list[Figures] = field(default_factory=list)
    counts: dict[str, float] = field(default_factory=dict)
    error: str | None = None

    def median(self, figure: str) -> float | None:
        """Returns the median of the rounds; None if the figure was not measured."""
        found = [one[figure] for one in self.rounds if figure in one]
        return None if self.error or not found else median(found)


@dataclass(frozen=True, slots=True)
class Options:
    """The length and the number of rounds."""

    rounds: int
    seconds: float


def run(job: Job, server: Server, options: Options, say: Callable[[str], None]) -> dict[str, Side]:
    """Runs all rounds of a job; an error ends its own side only."""
    measures = {"ours": job.ours} | ({"peer": _peer(job)} if job.peer else {})
    sides = alternate(job.name, measures, server, options, say)
    if job.counted:
        for name, side in sides.items():
            say(f"{job.name}: statements of {name}")
            _count(side, measures[name], server)
    return sides


def alternate(
    job: str, measures: Mapping[str, Measure], server: Server, options: Options, say: Callable[[str], None]
) -> dict[str, Side]:
    """Runs every measure once a round, each on an empty database; an error ends its own side only."""
    sides = {name: Side() for name in measures}
    for number in range(options.rounds):
        for name in _order(sides, number):
            say(f"{job}: round {number + 1} of {options.rounds}, {name}")
            _round(sides[name], measures[name], server, options.seconds)
    return sides


def _order(sides: dict[str, Side], number: int) -> Iterator[str]:
    """Alternates the side that begins, so that no side always runs on the warmer machine."""
    going = [name for name, side in sides.items() if side.error is None]
    return iter(going if number % 2 == 0 else going[::-1])


def _round(side: Side, measure: Measure, server: Server, seconds: float) -> None:
    try:
        side.rounds.append(measure(Setup(server, server.fresh(DATABASE), seconds)))
    except NotMeasured as reason:
        side.error = str(reason)


def _count(side: Side, measure: Measure, server: Server) -> None:
    if side.error is not None:
        return
    short, long = (_counted(measure, server, count) for count in (COUNTED_SHORT, COUNTED_LONG))
    steps = long["steps"] - short["steps"]
    for name in ("statements", "round_trips"):
        side.counts[f"{name}_per_step"] = (long[name] - short[name]) / steps


def _counted(measure: Measure, server: Server, count: int) -> dict[str, float]:
    with counted(server.fresh(DATABASE)) as wire:
        found = measure(Setup(server, wire.url, 0.0, count))
    steps = found["sagas"] * found["steps_per_saga"]
    return {"steps": steps, "statements": wire.statements, "round_trips": wire.round_trips}


def _peer(job: Job) -> Measure:
    def measure(setup: Setup) -> Figures:
        length = ["--seconds", str(setup.seconds)] if setup.count is None else ["--count", str(setup.count)]
        return script("the peer", ["bench.peers", str(job.peer), "--url", setup.url, "--part", job.part, *length])

    return measure


def script(name: str, module: Sequence[str], environment: Mapping[str, str] | None = None) -> Figures:
    """Runs a module, with its arguments, in a process of its own; the last line that it prints is its figures.

    Raises:
        NotMeasured: the process failed; the message has the last line of its errors.
    """
    command = [sys.executable, "-m", *module]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise NotMeasured(f"{name} failed: {done.stderr.strip().splitlines()[-1:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    return {name: value for name, value in found.items() if isinstance(value, int | float)}
