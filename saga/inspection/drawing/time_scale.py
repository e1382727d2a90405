"""A scale for moments that lie milliseconds and hours apart: equal gaps are equal, and long ones are shortened."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import pairwise
from math import log1p

_UNIT_QUANTILE = 0.25
_GAP_SECONDS_MIN = 0.001


class TimeScale:
    """Maps moments to pixels. It grows with time, and maps the first of the moments to `left`, the last to `right`."""

    def __init__(self, moments: Iterable[float], left: float, right: float) -> None:
        self._moments = sorted(set(moments))
        gaps = [later - earlier for earlier, later in pairwise(self._moments)]
        unit = max(sorted(gaps)[int(len(gaps) * _UNIT_QUANTILE)], _GAP_SECONDS_MIN) if gaps else 1.0
        places = [0.0]
        for gap in gaps:
            places.append(places[-1] + log1p(gap / unit))
        size = (right - left) / places[-1] if places[-1] else 0.0
        self._places = [left + place * size for place in places]

    def __call__(self, moment: float) -> float:
        """The place of a moment; one outside the scale is at its end."""
        index = bisect_right(self._moments, moment) - 1
        if index < 0:
            return self._places[0]
        if index + 1 == len(self._moments):
            return self._places[-1]
        share = (moment - self._moments[index]) / (self._moments[index + 1] - self._moments[index])
        return self._places[index] + share * (self._places[index + 1] - self._places[index])
