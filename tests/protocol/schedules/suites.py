"""The configurations of schedules, and the cases of the missing guards G111 to G116."""

from __future__ import annotations

from typing import Any, Final

from tests.protocol.case import Case, Part
from tests.protocol.schedules.model import ScheduleModel
from tests.protocol.schedules.world import FAULTS, Config


def _config(name: str, **fields: Any) -> Config:
    """Faults stand among the fields."""
    faults: dict[str, int] = {fault: fields.pop(fault) for fault in FAULTS if fault in fields}
    return Config(name, faults=faults, **fields)


WHOLE: Final = (
    _config("two leaders", moments=3, crash=2),
    _config("two leaders, edits", moments=3, edit=2, crash=1),
    _config("only the last of what was missed", moments=3, catches_up="last", crash=1),
    _config("skipped while a run goes on", moments=3, skips=True, crash=1, fills=1),
    _config("filled in beside the leader", fills=2, crash=1),
    _config("filled in, skipped, missed", moments=3, fills=2, catches_up="last", skips=True),
    _config("time-zone data differ", zones_differ=True, crash=1, fills=1),
    _config("the clock is set back", moments=3, back=2, crash=1),
)


def _without(guard: str, **fields: Any) -> Config:
    return _config(f"{guard} {' '.join(fields)}".strip(), without=guard, **fields)


CASES: Final = (
    Case("G111", "D2", 4, _without("one_commit", crash=1)),
    Case("G112", "D4", 4, _without("row_unchanged", edit=1)),
    Case("G113", "D1", 5, _without("moment_key", fills=1)),
    Case("G114", "D2", 6, _without("local_time", zones_differ=True, fills=1)),
    Case("G115", "D2", 4, _without("missed_recorded", catches_up="last")),
    Case("G116", "D3", 8, _without("locked_look", skips=True, fills=1, catches_up="last")),
)
SCHEDULES: Final = Part("schedules", ScheduleModel, WHOLE, CASES)
