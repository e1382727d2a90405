"""For each rule about branches, a history that keeps it and one that breaks it."""

from __future__ import annotations

from typing import Any, Final

from saga.core.condition.facts import Facts
from saga.core.definition.graph import Graph
from saga.history import Rule
from tests.core.graphs import check, graph, step, timer, wait
from tests.history.handwritten import Pair

RECORDED: Final = Facts(b'{"n": 5}', {0: b'{"risk": 0.9}'})
LARGE, SMALL, RISKY, FAULTY = "input.n > 3", "input.n < 3", "steps.a.output.risk > 0.5", "input.absent > 3"


def second(**fields: Any) -> Graph:
    """a, then b with these fields, then c."""
    return graph(step("a", "X"), step("b", "X", after=(0,), **fields), step("c", "X", after=(1,)))


def checked(holds: str) -> Graph:
    """a, then a check, then c."""
    return graph(step("a", "X"), check("b", holds=holds, after=(0,)), step("c", "X", after=(1,)))


def asked(condition: str) -> Graph:
    """A check, then b if this condition holds."""
    return graph(check("a", holds=LARGE), step("b", "X", after=(0,), condition=condition))


def two_of_three(*, handled: bool) -> Graph:
    """a, b and c, whose rejections are handled, then d when two of them have succeeded."""
    return graph(
        *(step(name, "X", handled=True) for name in "abc"),
        step("d", "X", after=(0, 1, 2), successes=2, handled=handled),
    )


def any_behind(*, pivot: int) -> Graph:
    """a, then b, whose rejection is handled, then c if b has succeeded."""
    return graph(
        step("a", "X", pivot=pivot == 0),
        step("b", "X", after=(0,), handled=True),
        step("c", "X", after=(1,), successes=1),
    )


def reminded(*, kind: str = "timer") -> Graph:
    """a, then b; beside b a timer or a call until b has finished, then d after that."""
    pause = timer("c", after=(0,), until=1) if kind == "timer" else step("c", "X", after=(0,), until=1)
    return graph(step("a", "X"), step("b", "X", after=(0,)), pause, step("d", "X", after=(2,), until=1))


def cancellable(*, pivot: bool) -> Graph:
    """a, then b, and a wait for an event that cancels the saga."""
    return graph(step("a", "X", pivot=pivot), step("b", "X", after=(0,)), wait("c", cancels=True))


STARTED = "R DPP  started"
THREE = "R DDDP  started"
UNNEEDED = "skipped: not needed any more"
SKIPS = "skipped: its condition is false"

BRANCH_PAIRS = {
    "a step whose condition is false is skipped": Pair(
        Rule.CONDITION, second(condition=SMALL), (STARTED, f"R SND  succeeded 0; {SKIPS} 1"), (STARTED, "R SDP  succeeded 0"), RECORDED),
    "a step whose condition holds is not skipped": Pair(
        Rule.CONDITION, second(condition=LARGE), (STARTED, "R SDP  succeeded 0"), (STARTED, f"R SND  succeeded 0; {SKIPS} 1"), RECORDED),
    "a condition reads what is recorded": Pair(
        Rule.CONDITION, second(condition=RISKY), (STARTED, "R SDP  succeeded 0"), (STARTED, f"R SND  succeeded 0; {SKIPS} 1"), RECORDED),
    "a condition that cannot be evaluated rejects": Pair(
        Rule.CONDITION, second(condition=FAULTY), (STARTED, "C KRV  succeeded 0; rejected 1; rolling back"),
        (STARTED, "R SDP  succeeded 0"), RECORDED),
    "a step without a condition is not skipped": Pair(
        Rule.CONDITION, second(), (STARTED, "R SDP  succeeded 0"), (STARTED, f"R SND  succeeded 0; {SKIPS} 1"), RECORDED),
    "a skipped step is passed through": Pair(
        Rule.DISPATCH, second(condition=SMALL), (STARTED, f"R SND  succeeded 0; {SKIPS} 1"),
        (STARTED, f"R SNP  succeeded 0; {SKIPS} 1"), RECORDED),
    "no step is skipped before its predecessors are finished": Pair(
        Rule.CONDITION, second(condition=SMALL), (STARTED, f"R SND  succeeded 0; {SKIPS} 1"), (f"R DND  started; {SKIPS} 1",), RECORDED),
    "no step is skipped while the saga is paused": Pair(
        Rule.CONDITION, second(condition=SMALL), (STARTED, "R DPP  paused", "R SPP  succeeded 0", f"R SND  resumed; {SKIPS} 1"),
        (STARTED, "R DPP  paused", f"R SNP  succeeded 0; {SKIPS} 1"), RECORDED),
    "no step is skipped while a rollback is requested": Pair(
        Rule.CONDITION, graph(step("a", "X", pivot=True), step("b", "X"), step("c", "X", after=(1,), condition=SMALL)),
        ("R DDP  started", "R DDP  rollback waits 0", "R DSP  succeeded 1"),
        ("R DDP  started", "R DDP  rollback waits 0", f"R DSN  succeeded 1; {SKIPS} 2"), RECORDED),
    "a timer is skipped once its end has come": Pair(
        Rule.UNNEEDED, reminded(),
        ("R DPPP  started", "R SDDP  succeeded 0", f"D SSNN  succeeded 1; {UNNEEDED} 2; {UNNEEDED} 3; completed"),
        ("R DPPP  started", "R SDDP  succeeded 0", "R SSDP  succeeded 1")),
    "a timer is not skipped before": Pair(
        Rule.UNNEEDED, reminded(), ("R DPPP  started", "R SDDP  succeeded 0", "R SDSD  succeeded 2"),
        ("R DPPP  started", "R SDDP  succeeded 0", f"R SDND  {UNNEEDED} 2")),
    "a call that runs is not skipped": Pair(
        Rule.UNNEEDED, reminded(kind="call"), ("R DPPP  started", "R SDDP  succeeded 0", "R SSDP  succeeded 1"),
        ("R DPPP  started", "R SDDP  succeeded 0", f"D SSNN  succeeded 1; {UNNEEDED} 2; {UNNEEDED} 3; completed")),
    "a step is not called once its end has come": Pair(
        Rule.UNNEEDED, reminded(),
        ("R DPPP  started", "R SDDP  succeeded 0", f"D SSNN  succeeded 1; {UNNEEDED} 2; {UNNEEDED} 3; completed"),
        ("R DPPP  started", "R SDDP  succeeded 0", f"R SSND  succeeded 1; {UNNEEDED} 2")),
    "a saga cannot be cancelled behind the pivot": Pair(
        Rule.UNNEEDED, cancellable(pivot=True), ("R DPD  started", f"R SDN  succeeded 0; {UNNEEDED} 2"),
        ("R DPD  started", "R SDD  succeeded 0")),
    "a saga can be cancelled before the pivot": Pair(
        Rule.UNNEEDED, cancellable(pivot=False), ("R DPD  started", "R SDD  succeeded 0"),
        ("R DPD  started", f"R SDN  succeeded 0; {UNNEEDED} 2")),
    "a saga is complete although nobody has cancelled it": Pair(
        Rule.UNNEEDED, cancellable(pivot=False),
        ("R DPD  started", "R SDD  succeeded 0", f"D SSN  succeeded 1; {UNNEEDED} 2; completed"),
        ("R DPD  started", "R SDD  succeeded 0", "R SSD  succeeded 1")),
    "a check that holds succeeds": Pair(
        Rule.CHECK, checked(LARGE), (STARTED, "R SSD  succeeded 0; succeeded 1"),
        (STARTED, "C KRV  succeeded 0; rejected 1; rolling back"), RECORDED),
    "a check that does not hold rejects": Pair(
        Rule.CHECK, checked(SMALL), (STARTED, "C KRV  succeeded 0; rejected 1; rolling back"),
        (STARTED, "R SSD  succeeded 0; succeeded 1"), RECORDED),
    "a check is decided at once": Pair(
        Rule.CHECK, checked(LARGE), (STARTED, "R SSD  succeeded 0; succeeded 1"), (STARTED, "R SPP  succeeded 0"), RECORDED),
    "a check has no command": Pair(
        Rule.CHECK, checked(LARGE), (STARTED, "R SSD  succeeded 0; succeeded 1"), (STARTED, "R SDP  succeeded 0"), RECORDED),
    "a saga that is rejected at once may be stored as it begins": Pair(
        Rule.CHECK, graph(step("z", "X", condition=SMALL), check("a", holds="steps.z.succeeded == true", after=(0,))),
        ("R PP  started", f"Z NR  {SKIPS} 0; rejected 1; rolling back; compensated all"),
        ("R PP  started", f"R NP  {SKIPS} 0"), RECORDED),
    "a saga that is not rejected at once is not": Pair(
        Rule.CHECK, graph(check("a", holds=LARGE), step("b", "X", after=(0,))), ("R SD  started; succeeded 0",),
        ("R PP  started",), RECORDED),
    "a join counts successes": Pair(
        Rule.JOIN, two_of_three(handled=False),
        (THREE, "R SDDP  succeeded 0", "R SHDP  rejected, handled 1", "R SHSD  succeeded 2"),
        (THREE, "R SDDP  succeeded 0", "R SHDD  rejected, handled 1")),
    "a join that is met waits for nothing more": Pair(
        Rule.JOIN, two_of_three(handled=False), (THREE, "R SDDP  succeeded 0", "R SSDD  succeeded 1"),
        (THREE, "R SDDP  succeeded 0", "R SSDP  succeeded 1")),
    "a join out of reach rejects": Pair(
        Rule.JOIN, two_of_three(handled=False),
        (THREE, "R HDDP  rejected, handled 0", "C HHUR  rejected, handled 1; rejected 3; rolling back"),
        (THREE, "R HDDP  rejected, handled 0", "R HHDP  rejected, handled 1")),
    "a join within reach does not reject": Pair(
        Rule.JOIN, two_of_three(handled=False), (THREE, "R HDDP  rejected, handled 0"),
        (THREE, "C HUUR  rejected, handled 0; rejected 3; rolling back")),
    "a handled join out of reach does not roll back": Pair(
        Rule.HANDLED, two_of_three(handled=True),
        (THREE, "R HDDP  rejected, handled 0", "R HHDH  rejected, handled 1; rejected, handled 3"),
        (THREE, "R HDDP  rejected, handled 0", "C HHUR  rejected, handled 1; rejected 3; rolling back")),
    "a handled step is not rejected for nothing before it began": Pair(
        Rule.HANDLED, second(handled=True), (STARTED, "R SDP  succeeded 0"), (STARTED, "R SHD  succeeded 0; rejected, handled 1")),
    "a join out of reach behind the pivot is quarantined": Pair(
        Rule.LATE_REJECTION, any_behind(pivot=0), (STARTED, "R SDP  succeeded 0", "R SHd  rejected, handled 1; quarantined 2"),
        (STARTED, "R SDP  succeeded 0", "R SHR  rejected, handled 1; rejected 2")),
    "a join out of reach before the pivot is not quarantined": Pair(
        Rule.QUARANTINE, any_behind(pivot=-1), (STARTED, "R SDP  succeeded 0", "C KHR  rejected, handled 1; rejected 2; rolling back"),
        (STARTED, "R SDP  succeeded 0", "R SHd  rejected, handled 1; quarantined 2")),
    "a step that may begin is not quarantined": Pair(
        Rule.QUARANTINE, second(), (STARTED, "R SDP  succeeded 0"), (STARTED, "R SdP  succeeded 0; quarantined 1")),
    "the saga goes on after a handled rejection": Pair(
        Rule.HANDLED, second(handled=True), (STARTED, "R SDP  succeeded 0", "R SHD  rejected, handled 1"),
        (STARTED, "R SDP  succeeded 0", "C KRV  rejected 1; rolling back")),
    "only a handled step is handled": Pair(
        Rule.HANDLED, second(), (STARTED, "R SDP  succeeded 0", "C KRV  rejected 1; rolling back"),
        (STARTED, "R SDP  succeeded 0", "R SHD  rejected, handled 1")),
    "only what was dispatched is rejected and handled": Pair(
        Rule.HANDLED, second(handled=True), (STARTED, "R SDP  succeeded 0", "R SHD  rejected, handled 1"),
        (STARTED, "R SDP  succeeded 0", "R SSD  succeeded 1", "R SHD  rejected, handled 1")),
    "the pivot is never handled": Pair(
        Rule.HANDLED, second(handled=True, pivot=True), (STARTED, "R SDP  succeeded 0", "R SSD  succeeded 1"),
        (STARTED, "R SDP  succeeded 0", "R SHD  rejected, handled 1")),
    "what was given up was not rejected": Pair(
        Rule.HANDLED, second(handled=True), (STARTED, "R SDP  succeeded 0", "C SUV  failed 1 (down); rolling back"),
        (STARTED, "R SDP  succeeded 0", "R SHD  failed 1 (down); rejected, handled 1 (given up after 3 failures: down)")),
    "an optional step may be given up": Pair(
        Rule.HANDLED, second(optional=True, read_only=True),
        (STARTED, "R SDP  succeeded 0", "R SHD  failed 1 (down); rejected, handled 1 (given up after 3 failures: down)"),
        (STARTED, "R SDP  succeeded 0", "C KRV  rejected 1; rolling back")),
    "a handled step is clear when its successors are": Pair(
        Rule.SETTLE, second(handled=True),
        (STARTED, "R SDP  succeeded 0", "R SHD  rejected, handled 1", "C SHU  rolling back", "C KHV  resolved: it did not happen 2"),
        (STARTED, "R SDP  succeeded 0", "R SHD  rejected, handled 1", "C KHU  rolling back")),
    "a skipped step is clear when its successors are": Pair(
        Rule.SETTLE, second(condition=SMALL), (STARTED, f"R SND  succeeded 0; {SKIPS} 1", "C SNU  rolling back"),
        (STARTED, f"R SND  succeeded 0; {SKIPS} 1", "C KNU  rolling back"), RECORDED),
    "a handled step never changes": Pair(
        Rule.OUTCOME, second(handled=True), (STARTED, "R SDP  succeeded 0", "R SHD  rejected, handled 1", "D SHS  succeeded 2; completed"),
        (STARTED, "R SDP  succeeded 0", "R SHD  rejected, handled 1", "R SDD  redriven")),
}  # fmt: skip
