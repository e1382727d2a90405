"""Compares the rounds of both builds with the bounds of a row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import median
from typing import TypeAlias

from bench.growth.row import OLD, Bound, Growth
from bench.rounds import Side

Sides: TypeAlias = Mapping[str, Side]
"""The figures of a row: a side for each build at each point, under its `label`."""


def label(build: str, point: int) -> str:
    """Names a side of a row: a build at a point."""
    return f"{build} {point}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One bound, with the quotients of each build: one a round, none if a side that is needed has failed."""

    growth: Growth
    bound: Bound
    old: list[float]
    new: list[float]

    @property
    def is_kept(self) -> bool:
        """Tells whether the median keeps the bound; a figure that was not measured does not."""
        return bool(self.new) and self.bound.holds(median(self.new))

    def as_json(self) -> dict[str, object]:
        found = {"row": self.growth.name, **asdict(self.bound), "old_quotients": self.old, "new_quotients": self.new}
        return {**found, "is_kept": self.is_kept}


def verdicts(growth: Growth, sides: Sides) -> list[Verdict]:
    """Judges every bound of a row."""
    return [
        Verdict(growth, bound, *(_quotients(build, bound, sides) for build in ("old", "new")))
        for bound in growth.bounds
    ]


def _quotients(build: str, bound: Bound, sides: Sides) -> list[float]:
    above = _figures(label(build, bound.point), bound.figure, sides)
    if bound.of is None:
        return above
    other = label(OLD, bound.point) if bound.of == OLD else label(build, bound.of)
    return [
        one / base if base else math.inf for one, base in zip(above, _figures(other, bound.figure, sides), strict=False)
    ]


def _figures(name: str, figure: str, sides: Sides) -> list[float]:
    side = sides[name]
    return [] if side.error else [one[figure] for one in side.rounds if figure in one]
