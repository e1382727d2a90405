"""The configurations of maps, and the cases of the missing guards G82 to G88."""

from __future__ import annotations

from typing import Final

from tests.protocol.case import Case, Part
from tests.protocol.maps.model import MapModel
from tests.protocol.maps.world import Config

WHOLE: Final = (
    Config("one map of 2", (2,), faults={"cancel": 1, "reject": 1, "crash": 1, "pause": 1}),
    Config("one map of 2, journaled", (2,), journaled=True, faults={"cancel": 1, "reject": 1, "pause": 1}),
    Config("one map of 3, handled", (3,), handled=True, faults={"cancel": 1, "reject": 2, "pause": 1}),
    Config("one map of none", (0,), faults={"cancel": 1, "pause": 1, "crash": 1}),
    Config("two maps, 1 and 1", (1, 1), faults={"cancel": 1, "reject": 1, "pause": 1, "crash": 1}),
    Config("two maps, 2 and 1", (2, 1), faults={"cancel": 1, "pause": 1}),
    Config("two maps, journaled", (1, 1), journaled=True, faults={"cancel": 1, "reject": 1, "pause": 1}),
    Config("two maps, 0 and 2", (0, 2), handled=True, faults={"cancel": 1, "reject": 1, "pause": 1}),
)


def _without(guard: str, items: tuple[int, ...], *, journaled: bool = False, **faults: int) -> Config:
    name = f"{guard} {items}{' journaled' if journaled else ''} {' '.join(faults)}".strip()
    return Config(name, items, journaled=journaled, without=guard, faults=faults)


CASES: Final = (  # with transactional copies, `map_after` is not needed: J is void before any copy is undone
    Case("G82", "M1", 8, _without("map_once", (1,), pause=1)),
    Case("G84", "M1", 7, _without("map_place", (1, 1))),
    Case("G83", "M2", 5, _without("map_running", (1,), cancel=1)),
    Case("G85", "I3", 5, _without("map_open", (1,))),
    Case("G86", "L1", 0, _without("map_empty", (0,))),
    Case("G87", "L1", 0, _without("map_wakes", (1,))),
    Case("G88", "I4", 7, _without("map_before", (1,), cancel=1)),
    Case("G88", "I4", 7, _without("map_before", (1,), journaled=True, cancel=1)),
    Case("G88", "I4", 7, _without("map_before", (2,), cancel=1)),
    Case("G88", "I3", 8, _without("map_after", (1,), journaled=True, cancel=1)),
)
MAPS: Final = Part("maps", MapModel, WHOLE, CASES)
