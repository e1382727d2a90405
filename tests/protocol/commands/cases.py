"""The configurations in which the explorer must notice that a guard of G1 to G40 is missing, or G135 or G136."""

from __future__ import annotations

from typing import Final

from tests.protocol.case import Case
from tests.protocol.commands import mutants
from tests.protocol.commands.world import Config

_ANY: Final = ((2, 1),)  # step C starts after one success
INSIDE: Final = (  # guards inside of `decide`
    Case(
        "G5",
        "I5",
        8,
        Config("G5 chain3 TTT", "chain3", "TTT", mutant=mutants.ROLLS_BACK_WHAT_IS_NOT_RUNNING, faults={"cancel": 1}),
    ),
    Case(
        "G8",
        "I9",
        7,
        Config("G8 chain3 JJJ", "chain3", "JJJ", mutant=mutants.ADVANCES_ON_A_LATE_SUCCESS, faults={"cancel": 1}),
    ),
    Case(
        "G10",
        "I7",
        4,
        Config("G10 vee3 TTT", "vee3", "TTT", mutant=mutants.COMPLETES_WITH_ITS_LEAVES, joins=_ANY, faults={}),
    ),
    Case(
        "G11",
        "I4",
        9,
        Config("G11 chain3 XXX", "chain3", "XXX", mutant=mutants.UNDOES_BEFORE_ITS_SUCCESSORS, faults={"cancel": 1}),
    ),
    Case(
        "G12",
        "I4",
        8,
        Config(
            "G12 chain4 TTTT", "chain4", "TTTT", mutant=mutants.TAKES_SKIPPED_FOR_CLEAR, skip=(1,), faults={"cancel": 1}
        ),
    ),
    Case(
        "G13",
        "I4",
        11,
        Config("G13 vee3 JJJ", "vee3", "JJJ", mutant=mutants.UNDOES_UNKNOWN_AT_ONCE, joins=_ANY, faults={"cancel": 1}),
    ),
    Case(
        "G14",
        "L1",
        2,
        Config("G14 chain3 TTT", "chain3", "TTT", mutant=mutants.FORGETS_DISPATCHED, faults={"cancel": 1}),
    ),
    Case(
        "G14",
        "I9",
        4,
        Config("G14 chain3 JJJ", "chain3", "JJJ", mutant=mutants.FORGETS_DISPATCHED, faults={"cancel": 1}),
    ),
    Case(
        "G14",
        "I9",
        4,
        Config("G14 chain3 XXX", "chain3", "XXX", mutant=mutants.FORGETS_DISPATCHED, faults={"cancel": 1}),
    ),
    Case(
        "G22",
        "I9",
        7,
        Config("G22 chain3 XXX", "chain3", "XXX", mutant=mutants.UNDOES_UNRESOLVED, faults={"cancel": 1}),
    ),
    Case(
        "G29",
        "I8",
        4,
        Config(
            "G29 chain3 TTT", "chain3", "TTT", mutant=mutants.ROLLS_BACK_BEHIND_THE_PIVOT, pivot=0, faults={"cancel": 1}
        ),
    ),
    Case(
        "G30",
        "I8",
        2,
        Config(
            "G30 chain3 TTT",
            "chain3",
            "TTT",
            mutant=mutants.IGNORES_SKIPPED_PIVOT,
            pivot=0,
            skip=(0,),
            faults={"cancel": 1},
        ),
    ),
    Case(
        "G31",
        "I8",
        4,
        Config(
            "G31 chain3 JJJ", "chain3", "JJJ", mutant=mutants.ROLLS_BACK_UNKNOWN_PIVOT, pivot=0, faults={"cancel": 1}
        ),
    ),
    Case(
        "G32",
        "I8",
        4,
        Config(
            "G32 chain3 XXX", "chain3", "XXX", mutant=mutants.ROLLS_BACK_UNKNOWN_PIVOT, pivot=0, faults={"cancel": 1}
        ),
    ),
    Case(
        "G33",
        "L1",
        3,
        Config("G33 chain3 XXX", "chain3", "XXX", mutant=mutants.HOLDS_BACK_FOR_EVER, pivot=0, faults={"cancel": 1}),
    ),
    Case(
        "G33",
        "L1",
        4,
        Config("G33 chain3 JJJ", "chain3", "JJJ", mutant=mutants.HOLDS_BACK_FOR_EVER, pivot=0, faults={"cancel": 1}),
    ),
    Case(
        "G34",
        "I8",
        4,
        Config(
            "G34 chain3 TTT",
            "chain3",
            "TTT",
            mutant=mutants.ROLLS_BACK_FOR_LATE_REJECTION,
            pivot=0,
            faults={"reject": 1},
        ),
    ),
    Case(
        "G35",
        "L1",
        5,
        Config(
            "G35 par3 TXT",
            "par3",
            "TXT",
            mutant=mutants.KEEPS_REJECTION_BEHIND_THE_PIVOT,
            pivot=1,
            faults={"reject": 1},
        ),
    ),
    Case(
        "G36",
        "L2",
        5,
        Config(
            "G36 chain3 XXX",
            "chain3",
            "XXX",
            mutant=mutants.NOBODY_HELPS,
            faults={"cancel": 1, "exhaust": 1, "crash": 1},
        ),
    ),
    Case(
        "G36",
        "L2",
        3,
        Config("G36 chain3 TTT", "chain3", "TTT", mutant=mutants.NOBODY_HELPS, pivot=0, faults={"exhaust": 1}),
    ),
    Case(
        "G40",
        "I6",
        3,
        Config("G40 chain3 JJJ", "chain3", "JJJ", mutant=mutants.ENDS_WITHOUT_FREEZING, faults={"abandon": 1}),
    ),
    Case(
        "G40",
        "I6",
        3,
        Config("G40 chain3 XXX", "chain3", "XXX", mutant=mutants.ENDS_WITHOUT_FREEZING, faults={"abandon": 1}),
    ),
)
OUTSIDE: Final = (  # guards in the admission, the committer, the journal, the calls of providers
    Case(
        "G1", "I6", 5, Config("admit chain3 XXX", "chain3", "XXX", without="admit", faults={"replay": 1, "reject": 1})
    ),
    Case(
        "G2", "I9", 4, Config("recheck_exec chain3 TTT", "chain3", "TTT", without="recheck_exec", faults={"cancel": 1})
    ),
    Case(
        "G3",
        "I2",
        10,
        Config("recheck_comp chain3 TTT", "chain3", "TTT", without="recheck_comp", faults={"cancel": 1, "crash": 1}),
    ),
    Case(
        "G4",
        "I9",
        4,
        Config("version chain3 TTT", "chain3", "TTT", without="version", optimistic=True, faults={"cancel": 1}),
    ),
    Case("G6", "L1", 1, Config("redrive chain3 TTT", "chain3", "TTT", without="redrive", faults={"loss": 1})),
    Case("G7", "L1", 2, Config("lease chain3 TTT", "chain3", "TTT", without="lease", faults={"crash": 1})),
    Case("G9", "I7", 4, Config("pinned par3 TTT", "par3", "TTT", without="pinned", faults={})),
    Case("G15", "I1", 6, Config("j_dedup chain3 JJJ", "chain3", "JJJ", without="j_dedup", faults={"crash": 1})),
    Case(
        "G16",
        "I9",
        7,
        Config("j_reject chain3 JJJ", "chain3", "JJJ", without="j_reject", faults={"reject": 1, "crash": 1}),
    ),
    Case(
        "G17", "I9", 7, Config("j_tombstone chain3 JJJ", "chain3", "JJJ", without="j_tombstone", faults={"cancel": 1})
    ),
    Case(
        "G18",
        "I2",
        10,
        Config("j_undo_once chain3 JJJ", "chain3", "JJJ", without="j_undo_once", faults={"cancel": 1, "crash": 1}),
    ),
    Case(
        "G19",
        "I9",
        8,
        Config("j_purge chain3 JJJ", "chain3", "JJJ", without="j_purge", purge=True, faults={"cancel": 1}),
    ),
    Case("G20", "I1", 6, Config("x_key chain3 XXX", "chain3", "XXX", without="x_key", faults={"crash": 1})),
    Case(
        "G21",
        "I2",
        11,
        Config("x_undo_key chain3 XXX", "chain3", "XXX", without="x_undo_key", faults={"cancel": 1, "crash": 1}),
    ),
    Case(
        "G23", "I9", 3, Config("x_indefinite chain3 XXX", "chain3", "XXX", without="x_indefinite", faults={"reject": 1})
    ),
    Case(
        "G24",
        "I9",
        6,
        Config("x_exclusive chain3 XXX", "chain3", "XXX", without="x_exclusive", faults={"reject": 1, "replay": 1}),
    ),
    Case(
        "G25",
        "I9",
        5,
        Config(
            "x_unanswered chain3 XXX",
            "chain3",
            "XXX",
            without="x_unanswered",
            again=True,
            faults={"reject": 1, "crash": 1},
        ),
    ),
    Case(
        "G26",
        "I9",
        7,
        Config("x_in_lease chain3 XXX", "chain3", "XXX", without="x_in_lease", faults={"reject": 1, "crash": 1}),
    ),
    Case(
        "G27", "I9", 7, Config("newest chain3 XXX", "chain3", "XXX", without="newest", faults={"reject": 1, "crash": 1})
    ),
    Case(
        "G28",
        "I9",
        7,
        Config("probe_quiet chain3 XXX", "chain3", "XXX", without="probe_quiet", probe=True, faults={"cancel": 1}),
    ),
    Case(
        "G37",
        "I9",
        6,
        Config("evidence chain3 XXX", "chain3", "XXX", without="evidence", faults={"cancel": 1, "exhaust": 1}),
    ),
    Case(
        "G37",
        "I9",
        4,
        Config(
            "evidence chain3 XXX pivot A waive",
            "chain3",
            "XXX",
            without="evidence",
            pivot=0,
            waives=True,
            faults={"exhaust": 2, "reject": 1, "crash": 1},
        ),
    ),
    Case(
        "G38",
        "I9",
        12,
        Config(
            "forget par3 TXJ",
            "par3",
            "TXJ",
            without="forget",
            pivot=1,
            faults={"cancel": 1, "reject": 1, "exhaust": 1, "crash": 1},
        ),
    ),
    Case(
        "G39",
        "L1",
        6,
        Config(
            "tomb_reports par3 TXJ", "par3", "TXJ", without="tomb_reports", pivot=1, faults={"cancel": 1, "exhaust": 1}
        ),
    ),
    Case(
        "G135",
        "I9",
        5,
        Config("never_claimed chain3 XXX", "chain3", "XXX", without="never_claimed", faults={"cancel": 1, "crash": 1}),
    ),
    Case(
        "G135",
        "I9",
        5,
        Config(
            "never_claimed chain3 XXX pivot B",
            "chain3",
            "XXX",
            without="never_claimed",
            pivot=1,
            faults={"cancel": 1, "crash": 1},
        ),
    ),
    Case(
        "G136",
        "I9",
        7,
        Config(
            "first_to_begin chain3 XXX", "chain3", "XXX", without="first_to_begin", faults={"misfit": 1, "crash": 1}
        ),
    ),
)
ASSUMPTIONS: Final = (  # what no guard replaces: the databases keep what they have acknowledged, a probe is judged when it is asked
    Case(
        "", "I9", 8, Config("J: an acknowledged commit is lost", "chain3", "JJJ", faults={"failover": 1, "cancel": 1})
    ),
    Case(
        "", "I9", 8, Config("X: an acknowledged commit is lost", "chain3", "XXX", faults={"failover": 1, "cancel": 1})
    ),
    Case(
        "",
        "I9",
        8,
        Config(
            "X: absent is judged late",
            "chain3",
            "XXX",
            probe=True,
            probe_at_report=True,
            faults={"cancel": 1, "crash": 1},
        ),
    ),
    Case(
        "",
        "I9",
        7,
        Config(
            "X: only a claim is lost",
            "chain3",
            "XXX",
            claims_lost=True,
            faults={"failover": 1, "replay": 1, "reject": 1},
        ),
    ),
)
