"""For each rule, a history that keeps it and one that breaks it: the first passes, the second is refused by the rule's name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from saga.history import Rule
from saga.ports.saga_history import Transition
from tests.core.graphs import chain, graph, shaped, step
from tests.history.branch_pairs import BRANCH_PAIRS
from tests.history.handwritten import Pair, chronicle, findings, findings_of, transitions, unversioned

TTT, TTT_PIVOT = chain("TTT"), chain("TTT", pivot=1)
TXX_PIVOT = chain("TXX", pivot=1)
XXX, JJJ = chain("XXX"), chain("JJJ")
XXX_PIVOT, JJJ_PIVOT = chain("XXX", pivot=1), chain("JJJ", pivot=1)
FORK = shaped([(), (0,), (0,)], "XXX")  # a, then b beside c
FORK_PIVOT = shaped([(), (0,), (0,)], "XXX", pivot=1)
STARTED = "R DPP  started"
BOTH = ("R DPP  started", "R SDD  succeeded 0")


PAIRS = {
    "a saga begins with started": Pair(
        Rule.START, TTT, (STARTED,), ("R DPP  redriven",)),
    "a saga starts once": Pair(
        Rule.START, TTT, (STARTED, "R DPP  redriven"), (STARTED, "R DPP  started")),
    "only what was dispatched succeeds": Pair(
        Rule.SUCCESS, TTT, (STARTED, "R SDP  succeeded 0"), (STARTED, "R DSP  succeeded 1")),
    "a compensated step does not succeed late": Pair(
        Rule.SUCCESS, TTT, (STARTED, "Z VVV  rolling back; compensated all"), (STARTED, "C SVV  rolling back; succeeded 0")),
    "a success that is awaited counts": Pair(
        Rule.SUCCESS, TTT, (STARTED, "R SDP  succeeded 0"), (STARTED, "R DPP  late success recorded 0")),
    "a resolved step was unknown": Pair(
        Rule.SUCCESS, XXX, (STARTED, "C UVV  rolling back", "C KVV  resolved: it happened 0"),
        (STARTED, "C UVV  rolling back", "C USV  resolved: it happened 1")),
    "a kept rejection is quarantined when the pivot has passed": Pair(
        Rule.KEPT, FORK_PIVOT, (*BOTH, "R SDR  rejected 2; rollback waits 1", "R SSd  succeeded 1; rollback refused 1; quarantined 2"),
        (*BOTH, "R SDR  rejected 2; rollback waits 1", "R SSR  succeeded 1; rollback refused 1")),
    "a rejection is kept only until the pivot has passed": Pair(
        Rule.KEPT, FORK_PIVOT, (*BOTH, "R SDR  rejected 2; rollback waits 1"),
        (*BOTH, "R SDR  rejected 2; rollback waits 1", "R SDd  quarantined 2")),
    "only what was dispatched is rejected": Pair(
        Rule.REJECTION, TTT, (STARTED, "Z RVV  rejected 0; rolling back; compensated all"),
        (STARTED, "C KRV  rejected 1; rolling back")),
    "an unknown call is not declared void twice": Pair(
        Rule.REJECTION, XXX, (STARTED, "C UVV  rolling back", "Z VVV  resolved: it did not happen 0; compensated all"),
        (STARTED, "C UVV  rolling back", "C UVV  resolved: it did not happen 1")),
    "a rejection behind the pivot is quarantined": Pair(
        Rule.LATE_REJECTION, TTT_PIVOT, (STARTED, "R SDP  succeeded 0", "R SSD  succeeded 1", "R SSd  quarantined 2"),
        (STARTED, "R SDP  succeeded 0", "R SSD  succeeded 1", "R SSR  rejected 2")),
    "a step is dispatched after its predecessors": Pair(
        Rule.DISPATCH, TTT, (STARTED, "R SDP  succeeded 0"), (STARTED, "R SDD  succeeded 0")),
    "a ready step is dispatched": Pair(
        Rule.DISPATCH, TTT, (STARTED, "R SDP  succeeded 0"), (STARTED, "R SPP  succeeded 0")),
    "nothing is dispatched while the saga is paused": Pair(
        Rule.DISPATCH, TTT, (STARTED, "R DPP  paused", "R SPP  succeeded 0", "R SDP  resumed"),
        (STARTED, "R DPP  paused", "R SDP  succeeded 0")),
    "nothing is dispatched while a rollback is requested": Pair(
        Rule.DISPATCH, shaped([(), (), (1,)], "XXX", pivot=0),
        ("R DDP  started", "R DDP  rollback waits 0", "R DSP  succeeded 1"),
        ("R DDP  started", "R DDP  rollback waits 0", "R DSD  succeeded 1")),
    "a pivot that succeeds releases the steps held back": Pair(
        Rule.DISPATCH, XXX_PIVOT,
        (STARTED, "R SDP  succeeded 0", "R SDP  rollback waits 1", "R SSD  succeeded 1; rollback refused 1"),
        (STARTED, "R SDP  succeeded 0", "R SDP  rollback waits 1", "R SSP  succeeded 1; rollback refused 1")),
    "a saga is complete when every step is finished": Pair(
        Rule.COMPLETED, FORK, (*BOTH, "R SSD  succeeded 1", "D SSS  succeeded 2; completed"),
        (*BOTH, "D SSD  succeeded 1; completed")),
    "a saga whose steps are finished is complete": Pair(
        Rule.COMPLETED, FORK, (*BOTH, "D SSS  succeeded 1; succeeded 2; completed"), (*BOTH, "R SSS  succeeded 1; succeeded 2")),
    "only a running saga is rolled back": Pair(
        Rule.ROLL_BACK, XXX, (STARTED, "C UVV  rolling back"), (STARTED, "C UVV  rolling back", "C UVV  rolling back")),
    "nothing is rolled back behind the pivot": Pair(
        Rule.ROLL_BACK, TTT_PIVOT, (STARTED, "R SDP  succeeded 0", "R SSD  succeeded 1", "R SSD  rollback refused 1"),
        (STARTED, "R SDP  succeeded 0", "R SSD  succeeded 1", "C SKV  rolling back")),
    "nothing is rolled back while a journaled pivot is unknown": Pair(
        Rule.ROLL_BACK, JJJ_PIVOT, (STARTED, "R SDP  succeeded 0", "R SWP  rollback waits 1"),
        (STARTED, "R SDP  succeeded 0", "C SKV  rolling back")),
    "nothing is rolled back while an external pivot is unknown": Pair(
        Rule.ROLL_BACK, XXX_PIVOT, (STARTED, "R SDP  succeeded 0", "R SDP  rollback waits 1"),
        (STARTED, "R SDP  succeeded 0", "C SUV  rolling back")),
    "a rollback waits only for the pivot": Pair(
        Rule.ROLL_BACK, XXX_PIVOT, (STARTED, "R SDP  succeeded 0", "R SDP  rollback waits 1"),
        (STARTED, "R DPP  rollback waits 0")),
    "a rollback is refused only behind the pivot": Pair(
        Rule.ROLL_BACK, TTT_PIVOT, (STARTED, "R SDP  succeeded 0", "R SSD  succeeded 1", "R SSD  rollback refused 1"),
        (STARTED, "R DPP  rollback refused 1")),
    "a rejection rolls back": Pair(
        Rule.ROLL_BACK, TTT, (STARTED, "Z RVV  rejected 0; rolling back; compensated all"), (STARTED, "R RPP  rejected 0")),
    "an external step of unknown outcome is resolved first": Pair(
        Rule.DOUBT, XXX, (STARTED, "C UVV  rolling back"), (STARTED, "C KVV  rolling back")),
    "a transactional step of unknown outcome is void": Pair(
        Rule.DOUBT, chain("TX"), ("R DP  started", "Z VV  rolling back; compensated all"), ("R DP  started", "C UV  rolling back")),
    "a step is compensated when its successors are clear": Pair(
        Rule.SETTLE, FORK, (*BOTH, "C SUU  rolling back", "C SVU  resolved: it did not happen 1"),
        (*BOTH, "C SUU  rolling back", "C KVU  resolved: it did not happen 1")),
    "a step waits for a successor of unknown outcome": Pair(
        Rule.SETTLE, shaped([(), (0,)], "JX"), ("R DP  started", "R SD  succeeded 0", "C SU  rolling back"),
        ("R DP  started", "R SD  succeeded 0", "C KU  rolling back")),
    "a step is compensated as soon as its successors are clear": Pair(
        Rule.SETTLE, chain("TX"), ("R DP  started", "R SD  succeeded 0", "C SU  rolling back", "C KV  resolved: it did not happen 1"),
        ("R DP  started", "R SD  succeeded 0", "C SU  rolling back", "C SV  resolved: it did not happen 1")),
    "a step with nothing to compensate says so": Pair(
        Rule.SETTLE, graph(step("a", "T", compensation=False), step("b", "X", after=(0,))),
        ("R DP  started", "R SD  succeeded 0", "Z ZR  rejected 1; rolling back; nothing to compensate 0; compensated all"),
        ("R DP  started", "R SD  succeeded 0", "Z ZR  rejected 1; rolling back; compensated all")),
    "a saga is compensated when every step is clear": Pair(
        Rule.COMPENSATED, XXX, (STARTED, "C UVV  rolling back"), (STARTED, "Z UVV  rolling back; compensated all")),
    "a saga whose steps are clear is compensated": Pair(
        Rule.COMPENSATED, TTT, (STARTED, "Z VVV  rolling back; compensated all"), (STARTED, "C VVV  rolling back")),
    "only a compensating saga ends compensated": Pair(
        Rule.UNDONE, JJJ, (STARTED, "C KVV  rolling back", "Z ZVV  compensated 0; compensated all"),
        (STARTED, "C KVV  rolling back", "C KZV  compensated 1")),
    "a compensation that is awaited counts": Pair(
        Rule.UNDONE, JJJ, (STARTED, "C KVV  rolling back", "Z ZVV  compensated 0; compensated all"),
        (STARTED, "C KVV  rolling back", "C KVV  late compensation recorded 0")),
    "only the pivot is voided": Pair(
        Rule.VOIDED, JJJ_PIVOT,
        (STARTED, "R SDP  succeeded 0", "R SWP  rollback waits 1", "C KVV  voided 1; rolling back"),
        (STARTED, "Z VVV  voided 0; rolling back; compensated all")),
    "a void step is followed by a rollback": Pair(
        Rule.ROLL_BACK, XXX_PIVOT,
        (STARTED, "R SDP  succeeded 0", "R SDP  rollback waits 1", "C KVV  voided 1; rolling back"),
        (STARTED, "R SDP  succeeded 0", "R SVP  voided 1")),
    "what was never claimed has no outcome": Pair(
        Rule.UNCLAIMED, XXX_PIVOT,
        (STARTED, "R SDP  succeeded 0", "C KVV  voided 1; rolling back"),
        (STARTED, "R SDP  succeeded 0", "C KVV  voided 1; rolling back", "C KVV  late success recorded 1")),
    "what failed was claimed": Pair(
        Rule.UNCLAIMED, FORK,
        (*BOTH, "C SVU  voided 1; rolling back"),
        (*BOTH, "R SDD  failed 1; redriven", "C SVU  voided 1; rolling back")),
    "what waits for an operator was claimed": Pair(
        Rule.VOIDED, TXX_PIVOT,
        (STARTED, "R SDP  succeeded 0", "X SVV  voided 1; abandoning; abandoned"),
        (STARTED, "R SDP  succeeded 0", "R SDP  rollback waits 1", "R SdP  quarantined 1", "R SdP  voided 0")),
    "a step is quarantined only where no rollback is possible": Pair(
        Rule.QUARANTINE, XXX, (STARTED, "C UVV  failed 0; rolling back", "C uVV  failed 0; quarantined 0"),
        (STARTED, "R dPP  failed 0; quarantined 0")),
    "a step with an outcome is not quarantined": Pair(
        Rule.QUARANTINE, TTT_PIVOT, (STARTED, "R SDP  succeeded 0"), (STARTED, "R SDP  succeeded 0", "R sDP  quarantined 0")),
    "an operator retries a quarantined step": Pair(
        Rule.OPERATOR, XXX,
        (STARTED, "C UVV  rolling back", "C uVV  quarantined 0", "C UVV  retried by an operator 0"),
        (STARTED, "C UVV  rolling back", "C UVV  retried by an operator 0")),
    "behind the pivot an operator skips a step": Pair(
        Rule.OPERATOR, TTT_PIVOT,
        (STARTED, "R SDP  succeeded 0", "R SSD  succeeded 1", "R SSd  quarantined 2", "D SSN  skipped by an operator 2; completed"),
        (STARTED, "R SDP  succeeded 0", "R SND  skipped by an operator 1")),
    "an operator's resolution comes with its outcome": Pair(
        Rule.OPERATOR, XXX,
        (STARTED, "C UVV  rolling back", "C uVV  quarantined 0",
         "C KVV  resolved by an operator: it happened 0; resolved: it happened 0"),
        (STARTED, "C UVV  rolling back", "C uVV  quarantined 0", "C uVV  resolved by an operator: it happened 0")),
    "behind the pivot nothing is declared void": Pair(
        Rule.OPERATOR, TTT_PIVOT,
        (STARTED, "R SDP  succeeded 0", "R SSD  succeeded 1", "R SSd  quarantined 2",
         "D SSS  resolved by an operator: it happened 2; succeeded 2; completed"),
        (STARTED, "R SDP  succeeded 0", "R SSD  succeeded 1", "R SSd  quarantined 2",
         "R SSR  resolved by an operator: it did not happen 2; rejected 2")),
    "a step is retracted while the saga runs": Pair(
        Rule.RETRACT, FORK, (*BOTH, "R SUD  retracted 1", "R SVD  resolved: it did not happen 1"),
        (*BOTH, "C SUU  rolling back", "C SUU  retracted 1")),
    "the pivot is not retracted": Pair(
        Rule.RETRACT, XXX_PIVOT, (STARTED, "R UPP  retracted 0", "R VDP  resolved: it did not happen 0"),
        (STARTED, "R SDP  succeeded 0", "R SUP  retracted 1")),
    "nothing rests on what is retracted": Pair(
        Rule.RETRACT, TTT, (STARTED, "R SDP  succeeded 0", "R SVD  retracted 1"),
        (STARTED, "R SDP  succeeded 0", "R KDP  retracted 0")),
    "what was dispatched is unknown when it is retracted": Pair(
        Rule.REASON, XXX, (STARTED, "R UPP  retracted 0"), (STARTED, "R VDP  retracted 0")),
    "a retracted step does not come back": Pair(
        Rule.REASON, XXX, (STARTED, "R UPP  retracted 0", "R KPP  resolved: it happened 0", "R ZDP  compensated 0"),
        (STARTED, "R UPP  retracted 0", "R SDP  resolved: it happened 0")),
    "what comes after a retracted step waits until it is undone": Pair(
        Rule.DISPATCH, JJJ, (STARTED, "R KPP  retracted 0", "R ZDP  compensated 0"), (STARTED, "R KDP  retracted 0")),
    "a saga is not complete while a step is undone": Pair(
        Rule.COMPLETED, FORK, (*BOTH, "R SSU  succeeded 1; retracted 2", "D SSV  resolved: it did not happen 2; completed"),
        (*BOTH, "D SSU  succeeded 1; retracted 2; completed")),
    "a void step without a retraction is followed by a rollback": Pair(
        Rule.ROLL_BACK, FORK, (*BOTH, "R SVD  retracted 1; voided 1"), (*BOTH, "R SVD  voided 1")),
    "an end is for ever": Pair(
        Rule.ENDED, chain("T"), ("R D  started", "D S  succeeded 0; completed"),
        ("R D  started", "D S  succeeded 0; completed", "D S  redriven")),
    "an ended saga is not revived": Pair(
        Rule.ENDED, chain("T"), ("R D  started", "D S  succeeded 0; completed"),
        ("R D  started", "D S  succeeded 0; completed", "C K  rolling back")),
    "a step that may still take effect is frozen": Pair(
        Rule.FREEZE, JJJ, (STARTED, "A GVV  abandoning", "X VVV  frozen: voided 0; abandoned"), (STARTED, "X VVV  abandoning; abandoned")),
    "a saga is abandoned once": Pair(
        Rule.FREEZE, JJJ, (STARTED, "A GVV  abandoning"), (STARTED, "A GVV  abandoning", "A GVV  abandoning")),
    "a journal reports on a frozen step": Pair(
        Rule.FROZEN, XXX, (STARTED, "A GVV  abandoning", "X ?VV  effect unknown 0; abandoned"),
        (STARTED, "A GVV  abandoning", "X VVV  frozen: voided 0; abandoned")),
    "a saga is abandoned when nothing is frozen": Pair(
        Rule.ABANDONED, JJJ, (STARTED, "A GVV  abandoning", "X SVV  frozen: executed 0; abandoned"),
        (STARTED, "X GVV  abandoning; abandoned")),
    "a saga without frozen steps is abandoned": Pair(
        Rule.ABANDONED, TTT, (STARTED, "X VVV  abandoning; abandoned"), (STARTED, "A VVV  abandoning")),
    "only a paused saga is resumed": Pair(
        Rule.PAUSE, TTT, (STARTED, "R DPP  paused", "R DPP  resumed"), (STARTED, "R DPP  resumed")),
    "a paused saga is not paused again": Pair(
        Rule.PAUSE, TTT, (STARTED, "R DPP  paused"), (STARTED, "R DPP  paused", "R DPP  paused")),
    "an outcome stays": Pair(
        Rule.OUTCOME, TTT, (STARTED, "R SDP  succeeded 0", "D SSS  succeeded 1; redriven")[:2],
        (STARTED, "R SDP  succeeded 0", "R DDP  redriven")),
    "a compensated step stays compensated": Pair(
        Rule.OUTCOME, JJJ,
        (STARTED, "R SDP  succeeded 0", "C SKV  rolling back", "C KZV  compensated 1", "Z ZZV  compensated 0; compensated all"),
        (STARTED, "R SDP  succeeded 0", "C SKV  rolling back", "C KZV  compensated 1", "C KSV  failed 0")),
    "no letter changes without a line": Pair(
        Rule.REASON, TTT, (STARTED, "R SDP  succeeded 0"), (STARTED, "R SPP  failed 0")),
    "no phase changes without a line": Pair(
        Rule.REASON, XXX, (STARTED, "C UVV  rolling back"), (STARTED, "C DPP  redriven")),
    "a vector has a letter for each step": Pair(
        Rule.REASON, TTT, (STARTED,), ("R DP  started",)),
    "a line is of a known kind": Pair(
        Rule.KIND, TTT, (STARTED, "R DPP  redriven"), (STARTED, "R DPP  wandered off")),
    "a line about the saga names no step": Pair(
        Rule.KIND, TTT, (STARTED, "R DPP  failed 0"), (STARTED, "R DPP  failed")),
    "a line names an existing step": Pair(
        Rule.KIND, TTT, (STARTED, "R DPP  failed 0"), (STARTED, "R DPP  failed 3")),
    **BRANCH_PAIRS,
}  # fmt: skip


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS.keys())
def test_a_history_that_keeps_the_rule_passes(pair: Pair) -> None:
    assert findings_of(pair.graph, *pair.right, facts=pair.facts) == []


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS.keys())
def test_a_history_that_breaks_the_rule_is_refused_by_its_name(pair: Pair) -> None:
    assert pair.rule in {finding.rule for finding in findings_of(pair.graph, *pair.wrong, facts=pair.facts)}


def test_every_rule_is_broken_somewhere_here() -> None:
    on_the_row = {Rule.VERSION, Rule.ROW, Rule.RESULT}

    assert {pair.rule for pair in PAIRS.values()} | on_the_row == set(Rule)


GOOD = transitions(STARTED, "R SDP  succeeded 0", "R SSD  succeeded 1")


def test_a_finding_names_the_saga_the_version_the_process_and_both_letters() -> None:
    (finding,) = findings_of(TTT, STARTED, "R SDD  succeeded 0")

    assert (finding.saga.int, finding.version, finding.process) == (7, 2, 3)
    assert (finding.was, finding.expected) == ("c is D before b finished", "P")


def test_a_transition_without_a_line_is_found() -> None:
    (finding,) = findings(TTT, chronicle([note for note in GOOD if note.version != 2]))

    assert (finding.rule, finding.version) == (Rule.VERSION, 3)


def test_a_history_without_its_beginning_is_found() -> None:
    assert findings(TTT, chronicle(GOOD[1:]))[0].rule is Rule.VERSION


def test_a_saga_without_any_line_is_found() -> None:
    (finding,) = findings(TTT, replace(chronicle(GOOD), transitions=[]))

    assert finding.rule is Rule.VERSION


@pytest.mark.parametrize("change", [{"version": 4}, {"phase": "C"}, {"vector": "SDD"}], ids=str)
def test_a_row_that_is_not_the_last_line_is_found(change: dict[str, object]) -> None:
    (finding,) = findings(TTT, replace(chronicle(GOOD), **change))  # type: ignore[arg-type]

    assert finding.rule is Rule.ROW


@pytest.mark.parametrize("results", [{0}, {0, 1, 2}], ids=["one missing", "one too many"])
def test_a_result_without_a_success_and_a_success_without_a_result_are_found(results: set[int]) -> None:
    (finding,) = findings(TTT, replace(chronicle(GOOD), results=frozenset(results)))

    assert finding.rule is Rule.RESULT


def test_what_a_person_has_declared_has_no_result() -> None:
    notes = transitions(
        STARTED, "C UVV  rolling back", "C uVV  quarantined 0",
        "C KVV  resolved by an operator: it happened 0; resolved: it happened 0",
    )  # fmt: skip

    assert findings(XXX, replace(chronicle(notes), results=frozenset())) == []


def test_lines_of_one_transition_have_one_vector() -> None:
    notes = transitions(STARTED, "R DPP  failed 0; redriven")
    notes[1] = notes[1]._replace(vector="DDP")

    assert Rule.REASON in {finding.rule for finding in findings(TTT, chronicle(notes))}


def test_a_line_that_changes_nothing_tells_a_state_that_there_was() -> None:
    assert findings(TTT, chronicle([*GOOD, *unversioned("R DPP  failed 0")])) == []
    assert findings(TTT, chronicle([*GOOD, *unversioned("R DDP  failed 0")]))[0].rule is Rule.REASON


@pytest.mark.parametrize("kind", ["succeeded", "completed", "quarantined"])
def test_a_line_that_changes_something_has_a_version(kind: str) -> None:
    silent = Transition(None, "R", "DPP", kind, 0, None, 3)

    assert findings(TTT, chronicle([*GOOD, silent]))[0].rule is Rule.KIND


def test_a_second_rejection_behind_the_pivot_changes_nothing() -> None:
    notes = transitions(STARTED, "R SDP  succeeded 0", "R SSD  succeeded 1", "R SSd  quarantined 2")

    assert findings(TTT_PIVOT, chronicle([*notes, *unversioned("R SSd  quarantined 2")])) == []


def test_what_was_due_may_be_dispatched_or_not_where_the_same_transition_turns_back() -> None:
    """The core dispatches on a success, and drops it again for what else came in: both are recorded as one transition."""
    one_after_the_other = shaped([(), (0,), ()], "XXX")
    for vector in ("SVR", "SUR"):
        letters = "K" + vector[1:] if vector[1] == "V" else vector
        told_so = ("R DPD  started", f"C {letters}  succeeded 0; rejected 2; rolling back")
        assert findings_of(one_after_the_other, *told_so) == []
