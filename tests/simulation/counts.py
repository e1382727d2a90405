"""The counts of a run of many seeds as a table, and the counts that it must reach to be worth something."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from saga.testing.faults.store import INBOX_POINTS
from saga.testing.faults.store import POINTS as STORE_POINTS
from tests.simulation.seeds.chance import KINDS
from tests.simulation.seeds.retractions import FIRST_RETRACTING_SEED
from tests.simulation.seeds.waits import FIRST_SEED
from tests.simulation.waits.inbox_watch import WAITS_DUE
from tests.simulation.worlds.transition_rows import ROWS
from tests.simulation.worlds.world import Report

SEEDS_DUE: Final = 2_000  # the figures below are for this many seeds, and in proportion for more or fewer
FAULTS_DUE: Final = 5_000
ROWS_DUE: Final = 100
POINTS_PART: Final = 0.25  # of the seeds: then every failpoint must have fired
SHARES_DUE: Final = {"completed": 0.25, "compensated": 0.25, "stuck": 0.02, "abandoned": 0.02}
RETRACTIONS_DUE: Final = {"E14": 100, "E14r": 90}
"""The number of times that each row must have been taken in 100 seeds of worlds in which single steps are undone."""
RETRACTING_SEEDS_DUE: Final = 100
WAITING_SEEDS_DUE: Final = 100  # the figures of `WAITS_DUE` are for this many seeds of sagas that wait
POINTS: Final = (
    *STORE_POINTS,
    *(f"{call}:{side}" for call in ("journal", "publish", "campaign", "renew") for side in ("before", "after")),
)
COUNTED: Final = ("faults", "points", "rows", "outcomes", "waits", "retractions")


@dataclass(slots=True)
class Table:
    """Counts over seeds; tables of several processes can be added. Worlds of sagas that wait are counted apart, in
    `waits`, and those in which single steps are undone in `retractions`.
    """

    seeds: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    points: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    virtual_seconds: float = 0.0
    waiting_seeds: int = 0
    waits: Counter[str] = field(default_factory=Counter)
    retracting_seeds: int = 0
    retractions: Counter[str] = field(default_factory=Counter)

    def add(self, report: Report) -> None:
        if report.seed >= FIRST_RETRACTING_SEED:
            self.retracting_seeds += 1
            self.retractions += Counter({row: report.rows[row] for row in RETRACTIONS_DUE})
            return
        if report.seed >= FIRST_SEED:
            self.waiting_seeds += 1
            self.waits += report.waits
            self.waits += Counter({point: report.points[point] for point in INBOX_POINTS})
            return
        self.seeds += 1
        self.faults += report.faults
        self.points += report.points
        self.rows += report.rows
        self.outcomes += report.outcomes
        self.virtual_seconds += report.virtual_seconds

    def merge(self, other: Table) -> None:
        self.seeds += other.seeds
        self.faults += other.faults
        self.points += other.points
        self.rows += other.rows
        self.outcomes += other.outcomes
        self.virtual_seconds += other.virtual_seconds
        self.waiting_seeds += other.waiting_seeds
        self.waits += other.waits
        self.retracting_seeds += other.retracting_seeds
        self.retractions += other.retractions

    def text(self) -> str:
        sagas = self.outcomes.total()
        lines = [f"{self.seeds:,} seeds, {sagas:,} sagas, {self.virtual_seconds:,.0f} virtual seconds", "", "faults"]
        lines += [f"  {kind:<26}{self.faults[kind]:>9,}" for kind in KINDS]
        lines += ["", "failpoints"]
        lines += [f"  {point:<26}{self.points[point]:>9,}" for point in POINTS]
        lines += ["", "rows of the transition table"]
        lines += [f"  {row:<26}{self.rows[row]:>9,}" for row in ROWS]
        lines += ["", "sagas"]
        lines += [
            f"  {name:<26}{count:>9,}{count / max(sagas, 1):>8.1%}" for name, count in sorted(self.outcomes.items())
        ]
        lines += ["", f"{self.waiting_seeds:,} seeds of sagas that wait"]
        lines += [f"  {name:<26}{self.waits[name]:>9,}" for name in (*WAITS_DUE, *INBOX_POINTS)]
        lines += ["", f"{self.retracting_seeds:,} seeds in which single steps are undone"]
        lines += [f"  {name:<26}{self.retractions[name]:>9,}" for name in RETRACTIONS_DUE]
        return "\n".join(lines)

    def shortfalls(self) -> Iterator[str]:
        """The counts that are too low for this number of seeds."""
        part = self.seeds / SEEDS_DUE
        yield from self._shortfalls_of_waits()
        yield from self._shortfalls_of_retractions()
        if not self.seeds:
            return
        for kind in KINDS:
            if self.faults[kind] < FAULTS_DUE * part:
                yield f"{kind}: {self.faults[kind]:,} injected, {FAULTS_DUE * part:,.0f} are due"
        for point in POINTS:
            if not self.points[point] and part >= POINTS_PART:
                yield f"failpoint {point} never fired"
        for row in ROWS:
            if self.rows[row] < ROWS_DUE * part:
                yield f"row {row}: taken {self.rows[row]:,} times, {ROWS_DUE * part:,.0f} are due"
        for name, share in SHARES_DUE.items():
            found = self.outcomes[name] / max(self.outcomes.total(), 1)
            if found < share:
                yield f"{name}: {found:.1%} of the sagas, {share:.0%} are due"

    def _shortfalls_of_waits(self) -> Iterator[str]:
        part = self.waiting_seeds / WAITING_SEEDS_DUE
        for name in (*WAITS_DUE, *INBOX_POINTS):
            due = WAITS_DUE.get(name, 1) * part
            if self.waits[name] < due and part >= POINTS_PART:
                yield f"{name}: {self.waits[name]:,} times, {due:,.0f} are due"

    def _shortfalls_of_retractions(self) -> Iterator[str]:
        part = self.retracting_seeds / RETRACTING_SEEDS_DUE
        for name, each in RETRACTIONS_DUE.items():
            if self.retractions[name] < each * part and part >= POINTS_PART:
                yield f"{name}: {self.retractions[name]:,} times, {each * part:,.0f} are due"


def summed(tables: Iterable[Mapping[str, Any]]) -> Table:
    """Adds up tables that were sent as JSON."""
    total = Table()
    for table in tables:
        counts: dict[str, Any] = {name: Counter(table[name]) for name in COUNTED}
        numbers = {name: table[name] for name in ("seeds", "virtual_seconds", "waiting_seeds", "retracting_seeds")}
        total.merge(Table(**counts, **numbers))
    return total
