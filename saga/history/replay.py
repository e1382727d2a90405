"""Replays one saga's history: each line must be allowed, each letter explained by lines, and the row must be the result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final

from saga.history.branch_lines import is_unneeded
from saga.history.lines import OF_SAGA, OF_STEP, REPORTS, STILL
from saga.history.plan import GraphView
from saga.history.recorded import Recorded
from saga.history.replay_state import ABANDONING, COMPENSATING, FINISHED, RUNNING, TERMINAL, ReplayState
from saga.history.rule import Rule
from saga.history.turn import CALLED, Turn, is_rejected_at_once, rule_of, turn_of
from saga.history.verdict import Breach, Verdict
from saga.ports.saga_history import SagaHistory, Transition

_RESULTLESS: Final = frozenset("PDdWwUuRVN")  # a step at one of these letters has never succeeded
_version = attrgetter("version")


def check(plan: GraphView, chronicle: SagaHistory, verdict: Verdict) -> list[Breach]:
    """Returns every rule that this history breaks; counts transitions and uses in `verdict`."""
    return _Replay(plan, chronicle, verdict).run()


class _Replay:
    def __init__(self, plan: GraphView, chronicle: SagaHistory, verdict: Verdict) -> None:
        self._plan = plan
        self._chronicle = chronicle
        self._verdict = verdict
        self._findings: list[Breach] = []
        self._now = ReplayState(plan, Recorded(plan, chronicle), verdict.uses, self._complain)
        self._version = 0
        self._process: int | None = None
        self._seen: set[tuple[str, str]] = set()

    def run(self) -> list[Breach]:
        for version, notes in groupby(self._chronicle.transitions, _version):
            if version is None:
                self._still(list(notes))
            else:
                self._transaction(version, list(notes))
        self._never_claimed()
        self._row()
        return self._findings

    def _complain(self, rule: Rule, was: str, expected: str) -> None:
        version = self._version or None
        self._findings.append(Breach(self._chronicle.saga, version, rule, was, expected, self._process))

    def _transaction(self, version: int, notes: Sequence[Transition]) -> None:
        before, now, last = self._version, self._now, notes[-1]
        self._verdict.transitions += 1
        self._version, self._process = version, last.process
        vectors = [note.vector for note in notes if note.vector is not None]
        recorded = vectors[-1] if vectors else None
        if recorded is not None and len(recorded) != len(self._plan.steps):
            self._complain(Rule.REASON, f"a vector of {len(recorded)} letters", f"{len(self._plan.steps)}")
            return
        if any(note.phase != last.phase or note.vector not in (recorded, None) for note in notes):
            self._complain(Rule.REASON, "the lines of one transition have different vectors", "one vector after it")
        if version != before + 1:
            self._complain(Rule.VERSION, f"the line before it has version {before}", f"{version - 1}")
        elif now.phase in TERMINAL:
            self._complain(Rule.ENDED, f"{notes[0].kind!r} after the end in phase {now.phase}", "nothing")
        else:
            self._replay(notes, recorded)
            return
        self._adopt(last.phase, recorded)

    def _replay(self, notes: Sequence[Transition], recorded: str | None) -> None:
        """`recorded` None: the lines alone say what has changed."""
        now, last = self._now, notes[-1]
        now.open(recorded)
        if self._version == 1 and notes[0].kind != "started":
            self._complain(Rule.START, f"it begins with {notes[0].kind!r}", "started")
        for note in notes:
            now.previous, now.note = now.note, note
            self._line(note)
        now.dispatch()
        if recorded is not None and "".join(now.letters) != recorded:
            for step, theirs in enumerate(recorded):
                if now.letters[step] != theirs:
                    self._complain(*self._unlike(step, now.letters[step], theirs))
        elif now.phase != last.phase:
            self._complain(Rule.REASON, f"phase {last.phase}", now.phase)
        else:
            self._unfinished()
        self._adopt(last.phase, recorded)

    def _line(self, note: Transition) -> None:
        of_step, of_saga = OF_STEP.get(note.kind), OF_SAGA.get(note.kind)
        if of_saga is not None and note.step is None:
            of_saga(self._now, note.kind)
        elif of_step is not None and note.step is not None and 0 <= note.step < len(self._plan.steps):
            of_step(self._now, note.kind, note.step)
        else:
            whose = "the saga" if note.step is None else f"step {note.step}"
            self._complain(
                Rule.KIND, f"{note.kind!r} of {whose}", "a kind of line of the protocol, of a step or the saga"
            )

    def _adopt(self, phase: str, recorded: str | None) -> None:
        """Continues from the recorded state, so that one fault is reported once."""
        letters = self._now.letters if recorded is None else list(recorded)
        self._now.phase, self._now.letters = phase, letters
        self._now.open(recorded)
        self._seen.add((phase, "".join(letters)))

    def _unlike(self, step: int, mine: str, theirs: str) -> tuple[Rule, str, str]:
        """Returns the rule that is broken by a letter that the lines do not explain."""
        now, before, rule = self._now, self._now.before[step], Rule.REASON
        if before in "RVZNH" or (before == "S" and theirs not in "SKZ"):
            rule = Rule.OUTCOME
        elif now.phase == RUNNING and mine == "P" and theirs == "D":
            rule, mine = self._instead_of_a_call(step)
        elif now.phase == COMPENSATING and {mine, theirs} <= set("SDKZ"):
            rule = Rule.SETTLE
        elif now.turned is not None:
            rule = now.turned
        return rule, f"{now.name(step)} is {theirs}{self._waits_for(step, theirs)}", mine

    def _instead_of_a_call(self, step: int) -> tuple[Rule, str]:
        """Returns the rule that a dispatch broke, and what should have become of the step."""
        now = self._now
        turn = turn_of(self._plan, now.letters, now.recorded, step)
        is_other = turn not in {*CALLED, Turn.NOT_YET}
        return rule_of(self._plan, step, turn), turn.value if is_other else "P"

    def _waits_for(self, step: int, theirs: str) -> str:
        """Names, for the reader, the neighbours that the step had to wait for."""
        now, steps = self._now, self._plan.steps
        if theirs == "D":
            names = [steps[before].name for before in steps[step].after if now.letters[before] not in FINISHED]
            held = " while the saga is paused" if now.paused else " while a rollback is requested" if now.cancel else ""
            return f" before {', '.join(names)} finished" if names else held
        names = [steps[after].name for after in steps[step].successors if after not in now.clear()]
        return f" before {', '.join(names)} clear" if theirs == "K" and names else ""

    def _unfinished(self) -> None:
        """Complains about everything that the transaction failed to do."""
        for rule, was, expected in _owed(self._now):
            self._complain(rule, was, expected)

    def _still(self, notes: Sequence[Transition]) -> None:
        """Checks lines that changed nothing: they must show a state that the saga was in."""
        for note in notes:
            self._process = note.process
            is_quarantined_again = (
                note.kind == "quarantined"
                and note.step is not None
                and note.vector is not None
                and note.vector[note.step] == "d"
            )
            if note.kind not in STILL and not is_quarantined_again:
                self._complain(Rule.KIND, f"{note.kind!r} without a version", "a kind of line that changes nothing")
            elif (note.phase, note.vector) not in self._seen:
                self._complain(
                    Rule.REASON, f"{note.kind!r} at {note.phase} {note.vector}", "a state that the saga was in"
                )

    def _never_claimed(self) -> None:
        """A step that no process has ever claimed has no report, neither before nor after it was void."""
        reported = {note.step for note in self._chronicle.transitions if note.kind in REPORTS}
        self._verdict.uses[Rule.UNCLAIMED] += len(self._now.unclaimed)
        for step in sorted(self._now.unclaimed & reported):
            self._complain(Rule.UNCLAIMED, f"{self._now.name(step)} was void without an answer, and has one", "none")

    def _row(self) -> None:
        row, now = self._chronicle, self._now
        self._process = None
        if self._version == 0:
            self._complain(Rule.VERSION, f"no line of {row.version} transitions", "a line for each")
            return
        found = (self._version, now.phase, "".join(now.letters))
        if found != (row.version, row.phase, row.vector):
            self._complain(
                Rule.ROW, "version {}, phase {}, {}".format(*found), f"{row.version}, {row.phase}, {row.vector}"
            )
            return
        missing = (now.successes | now.reasons.keys()) - row.results
        checks = {step for step, planned in enumerate(self._plan.steps) if planned.holds is not None}
        extra = {step for step in row.results if row.vector[step : step + 1] in _RESULTLESS or step in checks}
        for step in sorted(missing | extra):
            has = "no result" if step in missing else "a result"
            self._complain(
                Rule.RESULT, f"{self._plan.steps[step].name} is {row.vector[step]} with {has}", "as its letter says"
            )
        for step in sorted(now.reasons.keys() - missing):
            self._reason(step, now.reasons[step])

    def _reason(self, step: int, said: str | None) -> None:
        """The reason of a handled rejection is its result, so that conditions and later steps read it."""
        recorded = self._now.recorded
        if recorded.is_known and recorded.reason(step) != said:
            was = f"{self._plan.steps[step].name} has the reason {recorded.reason(step)!r:.80}"
            self._complain(Rule.RESULT, was, f"{said!r:.80}, as its line says")


def _owed(now: ReplayState) -> Iterator[tuple[Rule, str, str]]:
    vector = "".join(now.letters)
    if now.plan.is_static or set(vector) != {"P"} or not is_rejected_at_once(now.plan, now.recorded):
        yield from _not_begun(now, vector)
    for step in now.owed:
        yield Rule.SETTLE, f"{now.name(step)} is Z without a line", "'nothing to compensate'"
    for step, kind in now.declared.items():
        yield Rule.OPERATOR, f"{kind!r} of {now.name(step)} without an outcome", "the outcome in the same transition"
    if now.phase == RUNNING:
        yield from _owed_forward(now, vector)
    elif now.phase == COMPENSATING and len(now.clear()) == len(vector):
        yield Rule.COMPENSATED, f"{vector} in phase {now.phase}", "every step is clear: compensated"
    elif now.phase == ABANDONING and "G" not in vector:
        yield Rule.ABANDONED, f"{vector} in phase {now.phase}", "nothing is frozen: abandoned"


def _is_void(now: ReplayState, vector: str) -> bool:
    """Returns whether a step is void that was not retracted. That rolls the saga back."""
    return any(letter == "V" and step not in now.retracted for step, letter in enumerate(vector))


def _not_begun(now: ReplayState, vector: str) -> Iterator[tuple[Rule, str, str]]:
    """The breaches of steps that are still pending, although their turn has come."""
    for step in sorted(now.due | now.undecided):
        if vector[step] == "P":
            turn = turn_of(now.plan, now.letters, now.recorded, step)
            yield rule_of(now.plan, step, turn), f"{now.name(step)} is P, and its turn has come", turn.value


def _owed_forward(now: ReplayState, vector: str) -> Iterator[tuple[Rule, str, str]]:
    if FINISHED.issuperset(vector):
        yield Rule.COMPLETED, f"{vector} in phase {now.phase}", "every step is finished: completed"
    for step, letter in enumerate(vector):
        if letter == "D" and is_unneeded(now, step):
            yield Rule.UNNEEDED, f"{now.name(step)} is D, and not needed any more", "skipped"
    if "R" in vector and now.is_passed():
        yield Rule.KEPT, f"{vector}: a rejection stays although the pivot has passed", "quarantined"
    elif _is_void(now, vector) or ("R" in vector and not now.cancel):
        yield Rule.ROLL_BACK, f"{vector} in phase {now.phase}", "a rollback, or the pivot's outcome is awaited"
