"""The figures of a run: for people as tables, for programs as `build/demo.json`."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from examples.order.audit.check import Violation
from examples.order.demo.kills import Kill
from examples.order.demo.traffic import Tally
from saga.history import Verdict

VIOLATIONS_SHOWN = 20
KILLS_EXPLAINED = (
    "Claims: the steps that the process was running. First outcome: until one of them was done. No killed process had a peer, "
    "so its successor had to start first; a peer that is running takes over within a second."
)


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from the start of a saga until the client knows its outcome."""

    sagas: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Report:
    orders: int
    completed: int
    rolled_back: dict[str, int]
    stuck: int
    wall_seconds: float
    sagas_per_second: float
    steady: Latency
    burst: Latency
    kills: list[Kill]
    violations: list[Violation]
    transitions: int
    broken_rules: list[str]
    sabotaged: str | None

    @property
    def holds(self) -> bool:
        """Tells whether every order ended, the audit found nothing, and no saga broke a rule on its way."""
        return not self.violations and not self.stuck and not self.broken_rules

    def write(self, path: Path) -> None:
        """Writes all figures as one JSON document."""
        document = asdict(self) | {"holds": self.holds}
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")

    def show(self, console: Console) -> None:
        """Prints the tables."""
        console.print(self._figures(), self._kills(), f"[dim]{KILLS_EXPLAINED}[/]")
        if self.sabotaged:
            console.print(f"Sabotage: the shipment of {self.sabotaged} was removed behind everyone's back.")
        for violation in self.violations[:VIOLATIONS_SHOWN]:
            console.print(f"[red]{violation.subject}[/]: {violation.fact}", highlight=False)
        if len(self.violations) > VIOLATIONS_SHOWN:
            console.print(f"... and {len(self.violations) - VIOLATIONS_SHOWN} more")
        for finding in self.broken_rules[:VIOLATIONS_SHOWN]:
            console.print(f"[red]{finding}[/]", highlight=False)
        console.print(
            f"The history of {self.transitions:,} transitions breaks {len(self.broken_rules) or 'none'} of the protocol's rules."
        )
        if self.holds:
            console.print(
                f"[bold green]The audit holds.[/] Money, stock, parcels and messages agree with {self.orders} orders."
            )
        else:
            broken = f"{self.stuck} stuck, {len(self.broken_rules)} rules broken"
            console.print(f"[bold red]The audit fails:[/] {len(self.violations)} facts disagree, {broken}.")

    def _figures(self) -> Table:
        table = Table(title="Orders", title_justify="left", show_header=False)
        table.add_column()
        table.add_column(justify="right")
        table.add_row("completed", f"{self.completed}")
        for reason, count in self.rolled_back.items():
            table.add_row(f"rolled back: {reason}", f"{count}")
        table.add_row("stuck", f"{self.stuck}")
        table.add_section()
        table.add_row("wall time", f"{self.wall_seconds:.1f} s")
        table.add_row("throughput", f"{self.sagas_per_second:.0f} sagas/s")
        for name, latency in (("steady arrivals", self.steady), ("all the rest at once", self.burst)):
            table.add_row(f"p50 / p99, {name}", f"{latency.p50_ms:.0f} / {latency.p99_ms:.0f} ms")
        return table

    def _kills(self) -> Table:
        table = Table(title="kill -9", title_justify="left")
        table.add_column("process")
        table.add_column("claims", justify="right")
        table.add_column("first outcome", justify="right")
        table.add_column("ended meanwhile", justify="right")
        for kill in self.kills:
            seconds = kill.first_outcome_seconds
            first = "held none" if seconds is None else f"after {seconds:.2f} s"
            table.add_row(f"{kill.name} ({kill.pid})", f"{kill.claims}", first, f"{kill.outcomes_meanwhile} orders")
        return table


def report(
    tally: Tally,
    wall_seconds: float,
    kills: list[Kill],
    violations: list[Violation],
    verdict: Verdict,
    sabotaged: str | None,
) -> Report:
    """Computes the figures of a run."""
    reasons = Counter(outcome.reason for outcome in tally.outcomes.values() if outcome.reason is not None)
    return Report(
        orders=tally.total,
        completed=tally.completed,
        rolled_back=dict(reasons.most_common()),
        stuck=tally.total - len(tally.outcomes),
        wall_seconds=wall_seconds,
        sagas_per_second=len(tally.outcomes) / wall_seconds,
        steady=_latency(tally.latencies(in_burst=False)),
        burst=_latency(tally.latencies(in_burst=True)),
        kills=kills,
        violations=violations,
        transitions=verdict.transitions,
        broken_rules=list(map(str, verdict.findings)),
        sabotaged=sabotaged,
    )


def percentile(values: Sequence[float], percent: int) -> float:
    """Returns the smallest value that `percent` of the values do not exceed; 0 without values."""
    ranked = sorted(values)
    if not ranked:
        return 0.0
    rank = -(-len(ranked) * percent // 100)
    return ranked[max(rank, 1) - 1]


def _latency(seconds: Sequence[float]) -> Latency:
    return Latency(len(seconds), percentile(seconds, 50) * 1_000, percentile(seconds, 99) * 1_000)
