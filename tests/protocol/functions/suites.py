"""The configurations of functions, and the cases of the missing guards G82, G83, G87 and G89 to G94."""

from __future__ import annotations

from typing import Any, Final

from tests.protocol.case import Case, Part
from tests.protocol.functions.model import FunctionModel
from tests.protocol.functions.programs import PROGRAMS
from tests.protocol.functions.world import FAULTS, Config


def _config(name: str, program: str, **fields: Any) -> Config:
    """Faults stand among the fields."""
    faults: dict[str, int] = {fault: fields.pop(fault) for fault in FAULTS if fault in fields}
    return Config(name, program, faults=faults, **fields)


_FEW: Final = {"cancel": 1, "reject": 1, "crash": 1, "pause": 1}
WHOLE: Final = (
    *(
        config
        for program in PROGRAMS
        if program != "order"
        for config in (
            _config(program, program, **_FEW),
            _config(f"{program}, journaled", program, journaled="abce", cancel=1, pause=1, crash=1),
            _config(f"{program}, two pauses", program, reject=2, pause=2, cancel=1),
        )
    ),
    _config("pivot, journaled pivot", "pivot", journaled="p", **_FEW),
    _config("pivot, journaled p a b", "pivot", journaled="pab", **_FEW),
    _config("beside, journaled pivot", "beside", journaled="p", **_FEW),
    _config("beside, journaled p a c", "beside", journaled="pac", **_FEW),
    _config("order", "order", pause=1, cancel=1),
    _config("chain, deploy", "chain", deploy=1, **_FEW),
)


def _without(guard: str, program: str, **fields: Any) -> Config:
    return _config(f"{guard} {program} {' '.join(fields)}".strip(), program, without=guard, **fields)


CASES: Final = (
    Case("G82", "F1", 7, _without("turn_newest", "first", pause=1)),
    Case("G82", "F1", 7, _without("turn_newest", "chain", pause=1)),
    Case("G83", "F1", 8, _without("grow_running", "chain", cancel=1)),
    Case("G89", "L1", 7, _without("turn_again", "gather")),
    Case("G87", "L1", 0, _without("turn_wakes", "chain")),
    Case("G90", "F3", 12, _without("fn_cache", "first", pause=1)),
    Case("G90", "F3", 12, _without("fn_cache", "first", pause=1, crash=1)),
    Case("G91", "F3", 12, _without("fn_replay", "chain", deploy=1)),
    Case("G92", "I4", 10, _without("fn_order", "chain", cancel=1)),
    Case("G92", "I4", 11, _without("fn_order", "gather", cancel=1)),
    Case("G93", "F4", 8, _without("fn_return", "leave", reject=1)),
    Case("G94", "I4", 12, _without("fn_retract", "regret")),
)
WEAKER: Final = (
    Case("G82", "F2", 11, _config("a turn counts by the number of steps", "gather", weaker="by shape", pause=1)),
    Case("G82", "F2", 15, _config("the same, first", "first", weaker="by shape", pause=1)),
    Case("G90", "F3", 16, _config("a coroutine counts by its number of results", "order", weaker="by number", pause=1)),
    Case("G90", "F3", 16, _config("a coroutine counts by its results", "chain", weaker="by told", pause=1, deploy=1)),
)
FUNCTIONS: Final = Part("functions", FunctionModel, WHOLE, CASES, WEAKER)
