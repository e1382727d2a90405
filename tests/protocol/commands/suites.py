"""The configurations to explore: the whole protocol, and the part of it that fits into every test run."""

from __future__ import annotations

from typing import Final

from tests.protocol.commands.world import Config

_FULL: Final = {"loss": 1, "replay": 1, "crash": 1, "cancel": 1, "reject": 1, "exhaust": 1}
_SOME: Final = {"replay": 1, "crash": 1, "cancel": 1, "reject": 1}
_FEW: Final = {"crash": 1, "cancel": 1, "reject": 1, "exhaust": 1}
_PEOPLE: Final = {"crash": 1, "cancel": 1, "reject": 2, "exhaust": 2}
_ANY: Final = ((2, 1),)  # step C starts after one success
_CLOCK: Final = {"late": 1, "reject": 1, "crash": 1, "exhaust": 1, "fail": 1}

CHAINS: Final = (
    Config("chain3 TTT", "chain3", "TTT", faults=_FULL | {"crash": 2, "cancel": 2}),
    Config("chain3 JJJ", "chain3", "JJJ", faults=_FULL),
    Config("chain3 XXX", "chain3", "XXX", faults=_FULL),
    Config("chain3 TJX", "chain3", "TJX", faults=_FULL),
    Config("chain3 XTJ", "chain3", "XTJ", faults=_FULL),
    Config("chain3 JJJ two of each", "chain3", "JJJ", faults={"crash": 2, "cancel": 2, "reject": 2}),
    Config("chain3 XXX two of each", "chain3", "XXX", faults={"replay": 1, "crash": 2, "cancel": 2, "reject": 2}),
    Config("chain4 TTTT skip B,C", "chain4", "TTTT", skip=(1, 2), faults=_FULL),
    Config("chain4 JJJJ skip B,C", "chain4", "JJJJ", skip=(1, 2), faults=_SOME),
    Config("chain4 XXXX skip B,C", "chain4", "XXXX", skip=(1, 2), faults=_SOME),
    Config("chain4 TJXJ skip B", "chain4", "TJXJ", skip=(1,), faults=_SOME),
)
PIVOTS: Final = (
    Config("chain3 TTT pivot B", "chain3", "TTT", pivot=1, faults=_FULL),
    Config("chain3 JJJ pivot B", "chain3", "JJJ", pivot=1, faults=_FULL),
    Config("chain3 XXX pivot B", "chain3", "XXX", pivot=1, faults=_FULL),
    Config("chain3 JJJ pivot C", "chain3", "JJJ", pivot=2, faults=_SOME),
    Config("chain3 JXT pivot B skip B", "chain3", "JXT", pivot=1, skip=(1,), faults=_FULL),
    Config("chain4 JXJT pivot B skip A,B", "chain4", "JXJT", pivot=1, skip=(0, 1), faults=_SOME),
    Config("chain4 XJXT pivot C skip B,C", "chain4", "XJXT", pivot=2, skip=(1, 2), faults=_SOME),
    Config("chain4 TTTT pivot C skip B,C", "chain4", "TTTT", pivot=2, skip=(1, 2), faults=_FULL),
)
BRANCHES: Final = (
    Config("par3 TTT", "par3", "TTT", faults=_FULL),
    Config("par3 JJJ", "par3", "JJJ", faults=_SOME),
    Config("par3 XXX", "par3", "XXX", faults=_SOME),
    Config("par3 TTT pivot B", "par3", "TTT", pivot=1, faults=_FULL),
    Config("par3 JJJ pivot B", "par3", "JJJ", pivot=1, faults=_FEW),
    Config("par3 XXX pivot B", "par3", "XXX", pivot=1, faults=_FULL),
    Config("par3 TXJ pivot B", "par3", "TXJ", pivot=1, faults=_FEW),
    Config("par3 TJX pivot B skip C", "par3", "TJX", pivot=1, skip=(2,), faults=_FEW),
    Config("diamond TTTT", "diamond", "TTTT", faults=_FULL),
    Config("diamond JJJJ", "diamond", "JJJJ", faults=_FEW),
    Config("diamond XXXX", "diamond", "XXXX", faults=_SOME),
    Config("diamond TJXT skip B", "diamond", "TJXT", skip=(1,), faults=_SOME),
    Config("diamond TTTT pivot D skip B", "diamond", "TTTT", pivot=3, skip=(1,), faults=_SOME),
    Config("any JJJ", "vee3", "JJJ", joins=_ANY, faults=_SOME),
    Config("any XXX", "vee3", "XXX", joins=_ANY, faults=_FEW),
    Config("any TJX", "vee3", "TJX", joins=_ANY, faults=_FEW),
    Config("any JXT pivot C", "vee3", "JXT", joins=_ANY, pivot=2, faults=_FEW),
    Config("any JJJ pivot C", "vee3", "JJJ", joins=_ANY, pivot=2, faults={"cancel": 1, "reject": 1, "crash": 1}),
)
PROBES: Final = (
    Config("chain3 XXX probe", "chain3", "XXX", probe=True, faults=_FULL),
    Config("par3 XXX probe pivot B", "par3", "XXX", probe=True, pivot=1, faults=_FEW),
    Config("chain3 XXX again", "chain3", "XXX", again=True, faults={"crash": 2, "cancel": 1, "reject": 1}),
    Config("par3 XXX again pivot B", "par3", "XXX", again=True, pivot=1, faults=_FEW),
    Config("chain3 XXX sticky", "chain3", "XXX", sticky=True, faults=_FULL),
)
WRITERS: Final = (
    Config(
        "par3 TTT optimistic",
        "par3",
        "TTT",
        optimistic=True,
        faults={"cancel": 2, "reject": 1, "crash": 1, "replay": 1},
    ),
    Config("chain3 JJJ optimistic", "chain3", "JJJ", optimistic=True, faults={"cancel": 2, "reject": 1, "crash": 1}),
    Config("par3 XJT optimistic", "par3", "XJT", optimistic=True, faults={"cancel": 2, "reject": 1, "crash": 1}),
    Config("par3 TTT loose", "par3", "TTT", loose=True, faults=_FULL),
    Config("chain3 JJJ loose", "chain3", "JJJ", loose=True, faults=_SOME),
    Config("chain3 JJJ early publish", "chain3", "JJJ", early=True, faults=_SOME),
    Config("chain3 JJJ purge", "chain3", "JJJ", purge=True, faults=_SOME),
    Config("par3 TTT failover", "par3", "TTT", faults=_SOME | {"failover": 1}),
    Config("chain3 JJJ claims lost", "chain3", "JJJ", claims_lost=True, faults=_SOME | {"failover": 1}),
    Config("chain3 TTT claims lost", "chain3", "TTT", claims_lost=True, faults=_SOME | {"failover": 1}),
)
PEOPLE: Final = (
    Config("chain3 TJX abandon", "chain3", "TJX", faults=_SOME | {"abandon": 1}),
    Config(
        "chain3 JJJ abandon", "chain3", "JJJ", faults={"abandon": 1, "crash": 1, "cancel": 1, "exhaust": 1, "replay": 1}
    ),
    Config("chain3 XXX abandon", "chain3", "XXX", faults={"abandon": 1, "crash": 2, "cancel": 1, "exhaust": 1}),
    Config(
        "par3 JXT pivot B abandon", "par3", "JXT", pivot=1, faults={"abandon": 1, "crash": 1, "cancel": 1, "exhaust": 1}
    ),
    Config("par3 TXJ pivot B operator", "par3", "TXJ", pivot=1, faults=_PEOPLE),
    Config("par3 TJX pivot B operator", "par3", "TJX", pivot=1, faults=_PEOPLE),
    Config("chain3 JJJ pivot B operator", "chain3", "JJJ", pivot=1, faults=_PEOPLE),
    Config("chain3 XXX pivot B operator probe", "chain3", "XXX", pivot=1, probe=True, faults=_PEOPLE),
    Config("chain3 TJX pivot A operator", "chain3", "TJX", pivot=0, faults=_PEOPLE | {"cancel": 2}),
    Config("chain3 JXJ pivot B operator abandon", "chain3", "JXJ", pivot=1, faults=_PEOPLE | {"abandon": 1}),
)
WAIVERS: Final = (  # steps behind the pivot are skipped by hand
    Config("chain3 TXT pivot A waive", "chain3", "TXT", pivot=0, waives=True, faults=_PEOPLE),
    Config("chain3 XXX pivot A waive", "chain3", "XXX", pivot=0, waives=True, faults=_FEW | {"exhaust": 2}),
    Config("par3 TXJ pivot A waive", "par3", "TXJ", pivot=0, waives=True, faults=_PEOPLE),
    Config("par3 XTX pivot B waive abandon", "par3", "XTX", pivot=1, waives=True, faults=_FEW | {"abandon": 1}),
)
CLOCKS: Final = (  # deadlines within a decision, pauses, technical failures
    Config("chain3 TJX late", "chain3", "TJX", faults=_CLOCK),
    Config("chain3 XXX late", "chain3", "XXX", faults=_CLOCK),
    Config("chain3 JJJ pivot B late", "chain3", "JJJ", pivot=1, faults=_CLOCK),
    Config("chain3 XXX pivot B late", "chain3", "XXX", pivot=1, faults=_CLOCK),
    Config("par3 TXJ pivot B late", "par3", "TXJ", pivot=1, faults=_CLOCK),
    Config("chain3 TJX pause", "chain3", "TJX", faults=_FEW | {"pause": 2}),
    Config("chain3 XJT pivot B pause", "chain3", "XJT", pivot=1, faults=_FEW | {"pause": 1}),
    Config("chain3 JXJ pivot B pause", "chain3", "JXJ", pivot=1, faults=_FEW | {"pause": 1}),
    Config(
        "par3 TXJ pivot B pause late", "par3", "TXJ", pivot=1, faults={"pause": 1, "late": 1, "reject": 1, "exhaust": 1}
    ),
    Config("chain3 TJX pause abandon", "chain3", "TJX", faults={"pause": 1, "abandon": 1, "cancel": 1, "crash": 1}),
)
MISFITS: Final = (
    Config("chain3 XXX misfit", "chain3", "XXX", faults={"misfit": 2, "crash": 1, "cancel": 1, "replay": 1}),
    Config("chain3 XTJ misfit", "chain3", "XTJ", faults={"misfit": 2, "crash": 1, "cancel": 1, "reject": 1}),
    Config("par3 XXX misfit pivot B", "par3", "XXX", pivot=1, faults={"misfit": 2, "crash": 1, "cancel": 1}),
    Config("chain3 XXX misfit probe", "chain3", "XXX", probe=True, faults={"misfit": 2, "crash": 1, "cancel": 1}),
    Config("chain3 XXX misfit again", "chain3", "XXX", again=True, faults={"misfit": 2, "crash": 2, "cancel": 1}),
    Config("chain3 XXX misfit pivot A", "chain3", "XXX", pivot=0, faults={"misfit": 2, "crash": 1, "exhaust": 1}),
)
WHOLE: Final = (*CHAINS, *PIVOTS, *BRANCHES, *PROBES, *WRITERS, *PEOPLE, *WAIVERS, *CLOCKS, *MISFITS)
