"""A row: what is measured in one run, and a bound for each of its figures."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import TypeAlias

from bench.api import rows
from bench.environment.server import Server

SMALL = 1_000
"""Number of sagas of the store with which the filled one is compared."""


@dataclass(frozen=True, slots=True)
class Run:
    """The place and the size of a run. `folder`: of the filled stores, which are kept if the user has named it."""

    server: Server
    folder: Path
    sagas: int
    viewers: int
    rounds: int
    seconds: float
    say: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Found:
    """A figure with its bound. `values`: one for each round; their median counts. Without a bound it is only shown."""

    what: str
    values: list[float]
    least: float | None = None
    most: float | None = None
    note: str = ""
    details: dict[str, object] = field(default_factory=dict)

    @property
    def is_kept(self) -> bool:
        value = median(self.values)
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    @property
    def bound(self) -> str:
        limits = ((">=", self.least), ("<=", self.most))
        return " and ".join(f"{sign} {limit:g}" for sign, limit in limits if limit is not None) or "-"

    def as_json(self, row: str) -> dict[str, object]:
        return {"row": row, **asdict(self), "is_kept": self.is_kept}


MeasureRow: TypeAlias = Callable[[Run], Iterator[Found]]


@dataclass(frozen=True, slots=True)
class Row:
    """A module of `bench.api.rows`, with its `NAME` and its `measure`."""

    name: str
    measure: MeasureRow


def all_rows() -> list[Row]:
    """Imports every module of `bench.api.rows`, in the order of their names."""
    found = (
        importlib.import_module(module.name) for module in pkgutil.iter_modules(rows.__path__, f"{rows.__name__}.")
    )
    return [Row(module.NAME, module.measure) for module in found]
