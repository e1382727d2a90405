"""The configurations of waits, and the cases of the missing guards G55 to G65."""

from __future__ import annotations

from typing import Any, Final

from tests.protocol.case import Case, Part
from tests.protocol.waits.model import WaitModel
from tests.protocol.waits.world import FAULTS, Config

_XX: Final = ("x", "x")


def _config(name: str, **fields: Any) -> Config:
    """Faults stand among the fields."""
    faults: dict[str, int] = {fault: fields.pop(fault) for fault in FAULTS if fault in fields}
    return Config(name, faults=faults, **fields)


WHOLE: Final = (
    _config("one wait, sent twice", copies=(2,), crash=2),
    _config("one wait with a timeout", copies=(2,), timeouts=(0,), crash=2, cancel=1),
    _config("two in a row, two events", waits=_XX, events=_XX, copies=(2, 1), crash=1),
    _config("two in a row, timeouts", waits=_XX, events=_XX, timeouts=(0, 1), crash=1, cancel=1),
    _config("two beside each other", parallel=True, waits=_XX, events=_XX, crash=1),
    _config(
        "two beside each other, one event", parallel=True, waits=_XX, copies=(2,), timeouts=(1,), crash=1, cancel=1
    ),
    _config("first of several", waits=("xy", "y"), events=("x", "y"), crash=1, cancel=1),
    _config("first of several beside", parallel=True, waits=("xy", "x"), events=("x", "y"), timeouts=(0,), crash=1),
    _config("pause", copies=(2,), timeouts=(0,), pause=2, crash=1, cancel=1),
    _config("pause, no timeout", waits=_XX, events=_XX, pause=1, crash=1),
    _config("lost wake-ups, polled", waits=_XX, events=_XX, polls=True, lose=2, crash=1),
    _config("timer", waits=("t",), timeouts=(0,), pause=1, crash=2, cancel=1),
)


def _without(guard: str, **fields: Any) -> Config:
    return _config(f"{guard} {' '.join(fields)}".strip(), without=guard, **fields)


CASES: Final = (
    Case("G55", "W1", 9, _without("consume_once", parallel=True, waits=_XX)),
    Case("G56", "W1", 8, _without("consume_fold", parallel=True, waits=_XX)),
    Case("G57", "L1", 7, _without("consume_tx", crash=1)),
    Case("G57", "I5", 7, _without("consume_tx", cancel=1)),
    Case("G58", "W4", 7, _without("consume_recheck", cancel=1)),
    Case("G58", "W4", 12, _without("consume_recheck", events=_XX, crash=1)),
    Case("G59", "W1", 11, _without("inbox_keeps", waits=_XX, copies=(2,))),
    Case("G60", "L1", 6, _without("park_look")),
    Case("G61", "L1", 6, _without("wake_after")),
    Case("G62", "L1", 4, _without("send_wakes")),
    Case("G63", "L1", 7, _without("park_poll", polls=True, lose=1)),
    Case("G64", "W5", 4, _without("until_kept", timeouts=(0,))),
    Case("G64", "W5", 4, _without("until_kept", timeouts=(0,), pause=1)),
    Case("G65", "W5", 8, _without("until_looks", timeouts=(0,))),
)
WAITS: Final = Part("waits", WaitModel, WHOLE, CASES)
