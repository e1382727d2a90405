"""Runs of many seeds, and the counts that they must reach."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tests.simulation.counts import COUNTED, Table
from tests.simulation.one_seed import run_seed
from tests.simulation.shrink import Shrinker, story
from tests.simulation.worlds.world import Report


def run_part(seeds: Iterable[int]) -> tuple[Table, list[Report]]:
    """Runs seeds one after another; returns the counts and the reports of those that failed."""
    table, failed = Table(), []
    for seed in seeds:
        report = run_seed(seed)
        table.add(report)
        if report.violation:
            failed.append(report)
    return table, failed


def failures_in_words(failed: list[Report]) -> str:
    """Returns the failures, one per line, and the shortest of them shrunk to a story."""
    lines = [f"seed {report.seed}: {report.violation} {report.text}" for report in failed]
    shortest = min(failed, key=lambda report: len(report.injected))
    edits = Shrinker(shortest).shrink()
    return "\n".join([*lines, "", f"the shortest of {len(failed)}, shrunk:", story(shortest.seed, edits)])


def prove(seeds: range, record_property: Callable[[str, object], None]) -> None:
    """Tests that no invariant breaks in these seeds, and that their counts are high enough."""
    table, failed = run_part(seeds)
    counted = {name: dict(getattr(table, name)) for name in COUNTED}  # plain values: for another process
    seeds_run = {
        "seeds": table.seeds,
        "waiting_seeds": table.waiting_seeds,
        "retracting_seeds": table.retracting_seeds,
    }
    record_property("simulation", {**seeds_run, "virtual_seconds": table.virtual_seconds, **counted})

    assert not failed, failures_in_words(failed)
    shortfalls = list(table.shortfalls())
    assert not shortfalls, "\n".join([*shortfalls, table.text()])
