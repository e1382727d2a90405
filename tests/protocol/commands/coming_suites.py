"""The configurations of handled rejections, joins and retraction, and the cases of the missing guards G41 to G54."""

from __future__ import annotations

from typing import Any, Final

from tests.protocol.case import Case
from tests.protocol.commands import mutants
from tests.protocol.commands.replaced import Mutant
from tests.protocol.commands.world import FAULTS, Config


def _config(name: str, shape: str, modes: str, **fields: Any) -> Config:
    """Faults stand among the fields."""
    faults: dict[str, int] = {fault: fields.pop(fault) for fault in FAULTS if fault in fields}
    if "retractable" in fields:
        faults.setdefault("retract", 1)
    return Config(name, shape, modes, faults=faults, **fields)


_CCR: Final = {"crash": 1, "cancel": 1, "reject": 1}
_CCRE: Final = _CCR | {"exhaust": 1}
_ANY: Final = ((2, 1),)  # step C starts after one success
_ANY_LAST: Final = ((3, 1),)  # step D starts after one success
_BOTH: Final = ((2, 2),)  # step C starts after two successes
_TWO: Final = ((3, 2),)  # step D starts after two

HANDLED: Final = (
    _config("handled chain3 TTT", "chain3", "TTT", handled=(0, 1), **_CCRE | {"reject": 2, "replay": 1}),
    _config("handled chain4 TTTT", "chain4", "TTTT", handled=(1,), **_CCR),
    _config("handled chain3 JJJ", "chain3", "JJJ", handled=(1,), **_CCRE),
    _config("handled chain3 XXX", "chain3", "XXX", handled=(1,), **_CCRE),
    _config("handled chain3 XXX again", "chain3", "XXX", handled=(1,), again=True, crash=1, reject=1),
    _config(
        "handled chain3 TXJ probe, pivot A",
        "chain3",
        "TXJ",
        handled=(1, 2),
        pivot=0,
        probe=True,
        **_CCRE | {"reject": 2},
    ),
    _config("handled fork4 TJXT, pivot D", "fork4", "TJXT", handled=(1, 2), pivot=3, **_CCR),
    _config("handled beside the pivot par3 TXJ", "par3", "TXJ", handled=(2,), pivot=1, reject=1, cancel=1, exhaust=1),
    _config("handled chain3 JJJ abandon", "chain3", "JJJ", handled=(1,), abandon=1, **_CCR),
    _config("conditions chain4 TTTT skip B,C, handled A", "chain4", "TTTT", skip=(1, 2), handled=(0,), **_CCR),
)
JOINS: Final = (
    _config("any of 2 race3 TTT", "race3", "TTT", handled=(0, 1), joins=_ANY, **_CCRE | {"reject": 2}),
    _config("any of 2 race3 JXT", "race3", "JXT", handled=(0, 1), joins=_ANY, **_CCR),
    _config("2 of 3 vote4 TTTT", "vote4", "TTTT", handled=(0, 1), joins=_TWO, **_CCR | {"reject": 2}),
    _config(
        "2 of 3 vote4 TTTT, short is handled", "vote4", "TTTT", handled=(0, 1, 2, 3), joins=_TWO, reject=2, cancel=1
    ),
    _config("2 of 3 vote4 JJJT", "vote4", "JJJT", handled=(0, 1), joins=_TWO, reject=2, cancel=1),
)
BRANCHES: Final = (
    _config("optional chain3 TXT", "chain3", "TXT", optional=(1,), **_CCRE | {"replay": 1}),
    _config("optional chain3 XXJ again", "chain3", "XXJ", optional=(0, 1), again=True, **_CCRE),
    _config("optional beside the pivot par3 JXX", "par3", "JXX", optional=(2,), pivot=1, **_CCRE | {"exhaust": 2}),
    _config(
        "optional chain3 XTX behind pivot A, abandon", "chain3", "XTX", optional=(1, 2), pivot=0, abandon=1, **_CCRE
    ),
    _config("optional and handled fork4 TXJT", "fork4", "TXJT", optional=(1,), handled=(2,), joins=_ANY_LAST, **_CCRE),
    _config("check chain3 JET", "chain3", "JET", skip=(1,), **_CCR),
    _config("check chain3 XEX pivot C", "chain3", "XEX", skip=(1,), pivot=2, **_CCRE),
    _config("check chain4 EJEX handled", "chain4", "EJEX", skip=(0, 2), handled=(0, 2), **_CCR),
    _config("check par3 JEX pivot C", "par3", "JEX", skip=(1,), pivot=2, pause=1, **_CCR),
    _config("broken chain4 TXJT skip B,C", "chain4", "TXJT", skip=(1, 2), broken=True, **_CCR),
    _config(
        "broken behind pivot A chain3 XJT waive",
        "chain3",
        "XJT",
        skip=(1, 2),
        broken=True,
        pivot=0,
        waives=True,
        **_CCR,
    ),
    _config("broken par3 TXJ pivot B", "par3", "TXJ", skip=(2,), broken=True, pivot=1, **_CCRE),
    _config("both of 2 both4 TTTT, early", "both4", "TTTT", handled=(0, 1, 2), joins=_BOTH, **_CCR),
    _config("both of 2 both4 JXJX, early", "both4", "JXJX", handled=(0, 1, 2), joins=_BOTH, **_CCR),
    _config("both of 2 both4 XJTX, pivot D", "both4", "XJTX", handled=(0, 1), joins=_BOTH, pivot=3, **_CCR),
    _config("both of 2 both4 XJTT, pivot A", "both4", "XJTT", handled=(1, 2), joins=_BOTH, pivot=0, **_CCR),
    _config("any of 2 both4 TJXT, skip A,C", "both4", "TJXT", skip=(0, 2), handled=(1, 2), joins=_ANY, **_CCR),
    _config("any of 2 race3 XJX, pivot A", "race3", "XJX", handled=(1, 2), joins=_ANY, pivot=0, pause=1, **_CCR),
)
RETRACTIONS: Final = (
    _config("retract chain3 TTT", "chain3", "TTT", retractable=(0, 1, 2), retract=2, replay=1, **_CCRE),
    _config("retract chain3 JJJ", "chain3", "JJJ", retractable=(0, 1, 2), **_CCR),
    _config("retract chain3 JJJ exhaust", "chain3", "JJJ", retractable=(1,), exhaust=1, cancel=1, crash=1),
    _config("retract chain3 XXX", "chain3", "XXX", retractable=(0, 1, 2), **_CCR),
    _config("retract chain3 XXX probe", "chain3", "XXX", retractable=(1,), probe=True, **_CCRE),
    _config("retract race3 JJT any", "race3", "JJT", joins=_ANY, retractable=(0, 1), crash=1, cancel=1),
    _config("retract race3 XXT any", "race3", "XXT", joins=_ANY, retractable=(0, 1), **_CCR),
    _config(
        "retract race3 JXT any, handled", "race3", "JXT", joins=_ANY, handled=(0, 1), retractable=(0, 1),
        cancel=1, reject=1, exhaust=1,
    ),
    _config("retract fork4 TTTT", "fork4", "TTTT", retractable=(1, 2), retract=2, **_CCR),
    _config("retract fork4 TJXT", "fork4", "TJXT", retractable=(1, 2), crash=1, cancel=1),
    _config("retract zig4 TTTJ", "zig4", "TTTJ", retractable=(2,), **_CCR),
    _config("retract par3 TXJ, pivot B", "par3", "TXJ", pivot=1, retractable=(2,), cancel=1, reject=1, exhaust=1),
    _config("retract par3 TJX, pivot B", "par3", "TJX", pivot=1, retractable=(0, 2), cancel=1, crash=1, exhaust=1),
    _config(
        "retract chain3 TXX behind pivot A", "chain3", "TXX", pivot=0, retractable=(1, 2), crash=1, exhaust=1, cancel=1
    ),
    _config("retract chain3 TJX abandon", "chain3", "TJX", retractable=(1, 2), abandon=1, crash=1, cancel=1),
)  # fmt: skip
COMING: Final = (*HANDLED, *JOINS, *BRANCHES, *RETRACTIONS)


def _without(guard: str, shape: str, modes: str, **fields: Any) -> Config:
    return _config(f"{guard} {shape} {modes} {' '.join(fields)}", shape, modes, without=guard, **fields)


def _mutated(mutant: Mutant, shape: str, modes: str, **fields: Any) -> Config:
    return _config(f"{shape} {modes} {' '.join(fields)}", shape, modes, mutant=mutant, **fields)


COMING_CASES: Final = (
    Case("G41", "I9", 6, _mutated(mutants.HANDLES_EXHAUSTION, "chain3", "XXX", handled=(1,), exhaust=1)),
    Case("G41", "I9", 6, _mutated(mutants.HANDLES_EXHAUSTION, "chain3", "JJJ", handled=(1,), exhaust=1)),
    Case("G42", "I4", 10, _mutated(mutants.TAKES_HANDLED_FOR_CLEAR, "chain4", "TTTT", handled=(1,), reject=1, cancel=1)),
    Case("G42", "I4", 11, _mutated(mutants.TAKES_RETRACTED_FOR_CLEAR, "zig4", "TTTJ", retractable=(2,), cancel=1)),
    Case("G43", "L1", 4, _without("handled_pivot", "chain3", "XTT", handled=(0,), pivot=0, reject=1, cancel=1)),
    Case("G44", "I9", 11, _without("handled_forget", "chain3", "TJJ", handled=(1, 2), pivot=0, reject=1, crash=1, exhaust=1)),
    Case("G45", "I3", 4, _mutated(mutants.COUNTS_FINISHED_STEPS, "race3", "TTT", joins=_ANY, handled=(0, 1), reject=1)),
    Case("G46", "L1", 4, _mutated(mutants.WAITS_FOR_A_SHORT_JOIN, "race3", "TTT", joins=_ANY, handled=(0, 1), reject=2)),
    Case("G47", "I5", 7, _mutated(mutants.RETRACTS_WHAT_IS_NOT_RUNNING, "chain3", "TTT", retractable=(0, 1, 2))),
    Case("G47", "I5", 7, _mutated(mutants.RETRACTS_WHAT_IS_NOT_RUNNING, "chain3", "TTT", retractable=(0, 1, 2), cancel=1)),
    Case("G48", "I8", 5, _mutated(mutants.RETRACTS_THE_PIVOT, "chain3", "XTT", pivot=0, retractable=(0,), cancel=1)),
    Case("G49", "I4", 7, _mutated(mutants.RETRACTS_UNDER_ITS_SUCCESSORS, "chain3", "TTT", retractable=(0,))),
    Case("G50", "I9", 6, _mutated(mutants.RETRACTS_AS_KNOWN, "chain3", "XXX", retractable=(0,))),
    Case("G50", "I9", 3, _mutated(mutants.RETRACTS_AS_KNOWN, "chain3", "JJJ", retractable=(0,))),
    Case("G51", "I12", 4, _mutated(mutants.BRINGS_RETRACTED_BACK, "chain3", "XXX", retractable=(0,))),
    Case("G52", "I3", 3, _mutated(mutants.GOES_ON_BEFORE_THE_UNDO, "chain3", "JJJ", retractable=(0,))),
    Case("G52", "I3", 7, _mutated(mutants.GOES_ON_BEFORE_THE_UNDO, "chain3", "XXX", retractable=(1,))),
    Case("G52", "I3", 7, _mutated(mutants.GOES_ON_BEFORE_THE_UNDO, "fork4", "TJTT", retractable=(1,))),
    Case("G53", "I7", 8, _mutated(mutants.COMPLETES_BEFORE_THE_UNDO, "chain3", "XXX", retractable=(2,))),
    Case("G54", "I2", 10, _without("retract_recheck", "chain3", "TTT", retractable=(1,), crash=1, cancel=1)),
)  # fmt: skip
LONG_LOSER: Final = (  # a rule for definitions: a branch that a race may retract is one step. A's successor is pending, and D has begun
    Case(
        "", "I4", 11,
        _config("a losing branch of two steps", "zig4", "TTTT", joins=_ANY_LAST, handled=(2,), skip=(2,), retractable=(0,), pause=1),
    ),
)  # fmt: skip
STILL_NEEDED: Final = (  # older guards, where a rejection is handled or a step is retracted
    Case("G16", "I9", 7, _without("j_reject", "chain3", "JJJ", handled=(0,), reject=1, crash=1)),
    Case("G23", "I9", 3, _without("x_indefinite", "chain3", "XXX", handled=(0,), reject=1)),
    Case("G25", "I9", 5, _without("x_unanswered", "chain3", "XXX", handled=(0,), again=True, reject=1, crash=1)),
    Case("G27", "I9", 7, _without("newest", "chain3", "XXX", handled=(0,), reject=1, crash=1)),
    Case("G28", "I9", 6, _without("probe_quiet", "chain3", "XXX", retractable=(0,), probe=True)),
    Case("G20", "I1", 6, _without("x_key", "chain3", "XXX", retractable=(0,), crash=1)),
    Case("G17", "I9", 6, _without("j_tombstone", "chain3", "JJJ", retractable=(0,))),
    Case("G6", "L1", 1, _without("redrive", "chain3", "TTT", retractable=(0,), loss=1)),
    Case(
        "G36", "L2", 3,
        _config("nobody helps chain3 JJJ", "chain3", "JJJ", mutant=mutants.NOBODY_HELPS, retractable=(0,), exhaust=1, loss=1),
    ),
    Case("G37", "I9", 5, _without("evidence", "chain3", "XXX", retractable=(0,), exhaust=1)),
)  # fmt: skip
