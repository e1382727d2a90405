"""Runs one peer script: warms it up, measures it, checks its tables, prints one line of JSON."""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

from bench.instruments.server_cost import Work, cost, figures, read
from bench.peers.workers import Tally, Window, Workers, workers

SCRIPTS = ("dbos_steps", "dbos_compensation", "dbos_transactions")

# The shape that was the fastest on two idle cores. One window of six seconds each, five no-op
# steps, before the pool was tuned: 2 x 2 176 and 169 sagas/s; 2 x 1 161, 4 x 1 155, 2 x 4 147, 2 x 8 137, 3 x 2 136.
PROCESSES = 2
THREADS = 2

IN_FLIGHT = 64
WARM_SECONDS = 1.0
SINGLE_SAGAS = 300
# A window that ends by its count must still end if the server hangs.
SECONDS_MAX = 600.0


@dataclass(frozen=True, slots=True)
class Trial:
    """A peer script: its workflow, the number of its steps, its preparation and its check."""

    module: str
    steps_per_saga: int
    prepare: Callable[[str], None]
    # Takes the URL and the number of sagas; returns the number of step outcomes it found.
    verify: Callable[[str, int], int]


def main() -> None:
    """The command line of the peer scripts; the database of the URL must be empty."""
    options = _options()
    trial: Trial = importlib.import_module(f"bench.peers.{options.script}").TRIAL
    trial.prepare(options.url)
    shape = {"processes": options.processes, "threads": options.threads}
    with workers(trial.module, options.url, **shape) as members:
        measure = PARTS[options.part]
        found = measure(trial, members, options)
        # Inside the block of the workers: DBOS must have no work of its own left.
        steps = trial.verify(options.url, members.sagas)
    verified = {"verified_sagas": members.sagas, "verified_steps": steps}
    print(json.dumps({"peer": f"dbos {version('dbos')}", **found, **shape, **verified}))


def percentile(values: list[float], share: float) -> float:
    """Returns the smallest value that at least this share of the values does not exceed."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * share))]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("script", choices=SCRIPTS)
    parser.add_argument("--url", required=True, help="an empty database of a durable Postgres")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the window")
    parser.add_argument("--count", type=int, help="end the window after this many sagas")
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument("--threads", type=int, default=THREADS, help="of each process")
    parser.add_argument("--part", choices=PARTS, default="throughput")
    return parser.parse_args()


def _throughput(trial: Trial, members: Workers, options: argparse.Namespace) -> dict[str, float]:
    threads = options.threads
    window = Window(threads, threads, options.seconds)
    if options.count:
        share = -(-options.count // (threads * options.processes))
        window = Window(threads, threads, SECONDS_MAX, share)
    else:
        # In a run by count the statements are counted, so it begins at once.
        members.run(Window(threads, threads, WARM_SECONDS))
    before = read(options.url)
    tallies = members.run(window)
    spent = cost(before, read(options.url))
    latencies = _all(tallies)
    seconds = max(one.ended for one in tallies) - min(one.began for one in tallies)
    cpu_seconds = sum(one.cpu_seconds for one in tallies)
    found = figures(Work(len(latencies), trial.steps_per_saga, seconds, cpu_seconds), spent)
    return found | {"p50_ms": percentile(latencies, 0.5), "p99_ms": percentile(latencies, 0.99)}


def _latencies(trial: Trial, members: Workers, options: argparse.Namespace) -> dict[str, float]:
    single = _all(members.run(Window(1, 1, SECONDS_MAX, SINGLE_SAGAS), members=1))
    # Of 64 sagas in flight four run and sixty wait their turn. Giving each one a thread of its
    # own (2 x 32) was tried: the same median, and a p99 that is a fifth longer.
    share = IN_FLIGHT // options.processes
    loaded = _all(members.run(Window(options.threads, share, options.seconds)))
    return {
        "single_p50_ms": percentile(single, 0.5),
        "single_p99_ms": percentile(single, 0.99),
        "in_flight_64_p50_ms": percentile(loaded, 0.5),
        "in_flight_64_p99_ms": percentile(loaded, 0.99),
    }


def _all(tallies: list[Tally]) -> list[float]:
    return [one for tally in tallies for one in tally.latencies_ms]


PARTS = {"throughput": _throughput, "latency": _latencies}
