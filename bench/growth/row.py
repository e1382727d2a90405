"""A row: a measure that runs at several points of something that grows, and the bounds that its figures keep."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from bench.growth import rows
from bench.measurement import Figures, Setup

OLD: Literal["old"] = "old"


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound of one figure of the new build at one point.

    `of` is what the figure is divided by: the figure of the old build at the same point, that of the same build at another point (a
    number), or nothing. `least` and `most` are limits of the quotient.
    """

    figure: str
    point: int
    of: Literal["old"] | int | None
    least: float | None = None
    most: float | None = None

    def holds(self, value: float) -> bool:
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        limits = ((">=", self.least), ("<=", self.most))
        return " and ".join(f"{sign} {limit:g}" for sign, limit in limits if limit is not None) or "-"


@dataclass(frozen=True, slots=True)
class Growth:
    """`grows` names the unit of the points, as in "participants"; the measure runs at each point, in this order."""

    name: str
    grows: str
    points: tuple[int, ...]
    bounds: tuple[Bound, ...]


MeasureAt: TypeAlias = Callable[[Setup, int], Figures]


@dataclass(frozen=True, slots=True)
class Row:
    """A row as the harness runs it."""

    growth: Growth
    measure: MeasureAt
    module: str


def row_of(module: str) -> Row:
    """Imports the row of this module."""
    found = importlib.import_module(module)
    return Row(found.GROWTH, found.measure, module)


def all_rows() -> list[Row]:
    """Imports every module of `bench.growth.rows`, in the order of their names."""
    found = pkgutil.iter_modules(rows.__path__, f"{rows.__name__}.")
    return [row_of(module.name) for module in found]
