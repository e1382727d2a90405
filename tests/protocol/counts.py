"""The configurations that every test run explores, and the number of states of most of them."""

from __future__ import annotations

from typing import Final

# The numbers are those of the models in which the protocol was designed, each with decisions and an explorer of its own. The same
# number here shows that this model, and production where it decides, reaches the same states, not only that it breaks no invariant.
STATES: Final = {
    "commands: chain3 TTT pivot B": 16_271,
    "commands: chain3 XXX pivot B": 39_794,
    "commands: chain3 JJJ pivot C": 20_587,
    "commands: chain4 XJXT pivot C skip B,C": 24_768,
    "commands: par3 TTT": 63_384,
    "commands: par3 XXX": 26_070,
    "commands: par3 TXJ pivot B": 30_955,
    "commands: diamond XXXX": 43_919,
    "commands: diamond TTTT pivot D skip B": 27_992,
    "commands: any JJJ pivot C": 35_376,
    "commands: par3 XXX again pivot B": 27_825,
    "commands: chain3 JJJ purge": 22_320,
    "commands: par3 JXT pivot B abandon": 30_555,
    "commands: chain3 XXX pivot B operator probe": 31_502,
    "commands: chain3 TJX pivot A operator": 36_513,
    # waits and maps: all of them
    "waits: one wait, sent twice": 558,
    "waits: one wait with a timeout": 2_404,
    "waits: two in a row, two events": 3_849,
    "waits: two in a row, timeouts": 15_542,
    "waits: two beside each other": 5_272,
    "waits: two beside each other, one event": 9_936,
    "waits: first of several": 2_198,
    "waits: first of several beside": 10_225,
    "waits: pause": 6_185,
    "waits: pause, no timeout": 4_226,
    "waits: lost wake-ups, polled": 2_432,
    "waits: timer": 2_208,
    "maps: one map of 2": 433,
    "maps: one map of 2, journaled": 347,
    "maps: one map of 3, handled": 777,
    "maps: one map of none": 134,
    "maps: two maps, 1 and 1": 3_467,
    "maps: two maps, 2 and 1": 2_040,
    "maps: two maps, journaled": 3_041,
    "maps: two maps, 0 and 2": 1_803,
}
OTHERS: Final = {
    "commands: chain4 JXJT pivot B skip A,B",
    "commands: chain3 JJJ optimistic",
    "commands: chain3 TTT claims lost",
    "commands: chain3 TJX late",
    "commands: chain3 XXX late",
    "commands: chain3 XXX pivot B late",
    "commands: chain3 JXJ pivot B pause",
    "commands: par3 TXJ pivot B pause late",
    "commands: chain3 TJX pause abandon",
    "commands: chain3 TXT pivot A waive",
    "commands: chain3 XXX pivot A waive",
}
