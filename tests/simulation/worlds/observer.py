"""The observer: it sees the effects in the world outside and the rows of the store, and checks the invariants."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from saga.core.definition.graph import Graph
from saga.core.state.mode import Mode
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from tests.simulation.worlds.definitions import DefinitionPlan
from tests.simulation.worlds.transition_rows import rows_of
from tests.simulation.worlds.turns import Turns

RUNNING, COMPENSATING, COMPENSATED = Phase.RUNNING, Phase.COMPENSATING, Phase.COMPENSATED
COMPLETED = Phase.COMPLETED


class InvariantBroken(Exception):
    """A violation of an invariant: I1 to I9, I11, I12, L1 or L2.

    Or of AUDIT: a transaction has an action or its audit, not both; ONCE: a claim has called twice; QUIET: a step is final, and a
    call may still arrive; DATA: a wrong input or result; BRANCH: a step begins, is skipped or is rejected otherwise than its join and
    its conditions say; LOOP: a loop died.
    """

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name} {text}")
        self.name = name
        self.text = text


@dataclass(eq=False)
class ObservedSaga:
    """One saga as seen from outside. `effects` and `undone` are counted by step."""

    number: int
    graph: Graph
    state: State
    version: int = 0
    effects: list[int] = field(default_factory=list)
    undone: list[int] = field(default_factory=list)
    reads: set[int] = field(default_factory=set)  # read-only steps that were executed
    resolved: set[int] = field(default_factory=set)  # steps that an operator declared to have happened
    skipped: set[int] = field(default_factory=set)  # steps that were pending when they were skipped
    retracted: set[int] = field(default_factory=set)  # steps that are undone while the saga goes on
    cut: set[tuple[int, int]] = field(default_factory=set)  # and the joins that do not count them
    turns: Turns | None = None

    def __post_init__(self) -> None:
        self.effects = [0] * len(self.graph.steps)
        self.undone = [0] * len(self.graph.steps)

    @property
    def is_passed(self) -> bool:
        pivot = self.graph.pivot
        return pivot >= 0 and (self.effects[pivot] > 0 or pivot in self.skipped)

    def is_ready(self, step: int) -> bool:
        """Tells whether its predecessors are done, or as many have succeeded as it waits for."""
        after, successes = self.graph.steps[step].after, self.graph.steps[step].successes
        if successes:
            return sum(map(self.has_succeeded, after)) >= successes
        return all(self.has_succeeded(before) or self.is_passed_through(before) for before in after)

    def is_passed_through(self, step: int) -> bool:
        letter = self.state.vector[step]
        return letter in "NH" or (letter in "VZ" and step in self.retracted)

    def has_succeeded(self, step: int) -> bool:
        is_check = self.graph.steps[step].mode is Mode.ENGINE and self.state.vector[step] == "S"
        return self.effects[step] > 0 or step in self.reads or is_check

    def stands_on(self, step: int) -> bool:
        """Tells whether the effect of a successor stands, or of a step behind successors that have none."""
        return any(
            self.effects[after] != self.undone[after]
            or ((self.graph.steps[after].read_only or self.state.vector[after] in "NHRVZ") and self.stands_on(after))
            for after in self.graph.successors[step]
            if (step, after) not in self.cut
        )

    def retract(self, before: State) -> None:
        """Finds the steps that are being undone, or are void, although the saga runs. A join on some steps goes on without them."""
        for step, (old, new) in enumerate(zip(before.vector, self.state.vector, strict=True)):
            if new in "UuKkVZ" and old in "PDdS" and self.state.phase in (RUNNING, COMPLETED):
                self.retracted.add(step)
                successors = self.graph.successors[step]
                uncounted = [after for after in successors if old != "S" or before.vector[after] == "P"]
                self.cut |= {(step, after) for after in uncounted if self.graph.steps[after].successes}

    def ran(self, step: int, broken: Callable[[str, str], None]) -> None:
        """Records that its handler is called."""
        if step in self.skipped:
            broken("BRANCH", f"saga {self.number}, {self.graph.steps[step].name} was skipped, and is called")


class Observer:
    """Checks after every committed transaction and every effect. The first violation ends the run."""

    def __init__(self, now: Callable[[], float], stop: Callable[[], None]) -> None:
        self.sagas: dict[UUID, ObservedSaga] = {}
        self.violation: InvariantBroken | None = None
        self.story: list[tuple[float, str]] | None = None
        self.rows: Counter[str] = Counter()
        self.plans: dict[str, DefinitionPlan] = {}
        self._now = now
        self._stop = stop
        self._claims: set[int] = set()
        self._calls: dict[
            tuple[UUID, int], list[float]
        ] = {}  # the time until which calls without an answer may be executed
        self._trace = hashlib.blake2b(digest_size=16)

    @property
    def trace(self) -> str:
        """A fingerprint of all events."""
        return self._trace.hexdigest()

    def record(self, line: str) -> None:
        """Records an event, for the fingerprint and the story."""
        self._trace.update(f"{self._now():.9f} {line}\n".encode())
        if self.story is not None:
            self.story.append((self._now(), line))

    def broken(self, name: str, text: str) -> None:
        if self.violation is None:
            self.violation = InvariantBroken(name, text)
            self.record(f"*** {name}: {text}")
            self._stop()

    # -- the world outside ----------------------------------------------------------------------------------------------------

    def begun(self, saga: UUID, step: str, claim: int) -> None:
        """Records that an external handler runs."""
        if claim in self._claims:
            self.broken("ONCE", f"a claim of {step} of saga {self.sagas[saga].number} has called twice")
        self._claims.add(claim)

    def called(self, saga: UUID, step: int, latest_seconds: float) -> Callable[[], None]:
        """Records that a request is on its way, and may be executed for this long. Returns a function to call when its answer has come."""
        calls, until = self._calls.setdefault((saga, step), []), self._now() + latest_seconds
        calls.append(until)
        return lambda: calls.remove(until)

    def effect(self, saga: UUID, step: int) -> None:
        seen = self.sagas[saga]
        name = self._name(seen, step)
        self.record(f"{name} takes effect")
        if seen.graph.steps[step].read_only:
            seen.reads.add(step)
            return
        seen.effects[step] += 1
        if seen.effects[step] > 1:
            self.broken("I1", f"the effect of {name} was made twice")
        if not seen.is_ready(step):
            self.broken("I3", f"{name} was executed before its predecessors")
        self._check_end(seen, f"{name} took effect")
        self._check_letter(seen, step)
        self._check_pivot(seen)

    def undo(self, saga: UUID, step: int) -> None:
        seen = self.sagas[saga]
        name = self._name(seen, step)
        self.record(f"{name} is undone")
        seen.undone[step] += 1
        if seen.undone[step] > seen.effects[step]:
            self.broken("I2", f"{name} was compensated without effect or twice")
        if seen.stands_on(step):
            self.broken("I4", f"{name} was compensated while the effect of a successor stands")
        self._check_end(seen, f"{name} was compensated")

    def _check_end(self, seen: ObservedSaga, what: str) -> None:
        if seen.state.phase.is_terminal:
            self.broken("I6", f"{what} after the saga was {seen.state.phase.name}")

    # -- the store ------------------------------------------------------------------------------------------------------------

    def started(self, saga: UUID, number: int, graph: Graph) -> None:
        """Records a saga that is about to be inserted; until then it has no row."""
        nothing = State(
            RUNNING, "P" * len(graph.steps), rollback_requested=False, paused=False, deadline=None, reason=None
        )
        seen = self.sagas[saga] = ObservedSaga(number, graph, nothing)
        names = [step.name for step in graph.steps]
        plan = self.plans[graph.name]
        seen.turns = Turns(plan, names, number, lambda name: names.index(name) in seen.resolved)

    def claimed(self, graph: Graph, step: int, operation: Operation) -> None:
        """Counts an admission (E2)."""
        self.rows["E2 admission"] += 1
        if operation is Operation.EXECUTE:
            self.rows[f"E2-{graph.steps[step].mode.value}"] += 1

    def committed(self, saga: UUID, state: State, version: int) -> None:
        """Checks a transaction that has changed, or left, this saga's row."""
        seen = self.sagas[saga]
        before, seen.state = seen.state, state
        if version == seen.version:
            if before != state:
                self.broken("I11", f"saga {seen.number}: its row changed under version {version}")
            return
        for row in rows_of(seen.graph, before, state, is_new=seen.version == 0):
            self.rows[row] += 1
        seen.version = version
        seen.retract(before)
        self.record(f"saga {seen.number} v{version} {state.phase.name} {state.vector}{_flags(state)}")
        if before.phase.is_terminal and state.phase is not before.phase:
            self.broken(
                "I5", f"the outcome of saga {seen.number} changed from {before.phase.name} to {state.phase.name}"
            )
        for step, (letter_before, letter) in enumerate(zip(before.vector, state.vector, strict=True)):
            if (letter_before, letter) == ("P", "N"):
                seen.skipped.add(step)
            self._check_letter(seen, step)
            if letter != letter_before and letter in "RVNH?":
                self._check_quiet(saga, seen, step)
        self._check_retracted(seen)
        if seen.turns is not None:
            for fault in seen.turns.faults(before, state):
                self.broken("BRANCH", f"saga {seen.number}: {fault}")
        self._check_outcome(seen)
        self._check_pivot(seen)

    def _check_letter(self, seen: ObservedSaga, step: int) -> None:
        letter, effects, undone = seen.state.vector[step], seen.effects[step], seen.undone[step]
        if seen.graph.steps[step].read_only or letter not in "RVNHSZ":
            return
        name = self._name(seen, step)
        if letter in "RVNH" and effects:
            self.broken("I9", f"{name} is recorded as without effect ({letter}), but it has one")
        if (letter == "S" and (effects, undone) != (1, 0)) or (letter == "Z" and effects != undone):
            self.broken("I9", f"{name} is recorded as {letter}, but effects {effects}, compensations {undone}")

    def _check_retracted(self, seen: ObservedSaga) -> None:
        for step in seen.retracted if seen.state.phase in (RUNNING, COMPLETED) else ():
            if seen.state.vector[step] not in "UuKkVZ":
                self.broken("I12", f"{self._name(seen, step)} was retracted and is {seen.state.vector[step]}")

    def _check_quiet(self, saga: UUID, seen: ObservedSaga, step: int) -> None:
        """Checks that no unanswered request can still be executed: a final state must not depend on luck."""
        late = max(self._calls.get((saga, step), ()), default=0.0) - self._now()
        if late > 0 and not seen.graph.steps[step].read_only:
            self.broken(
                "QUIET", f"{self._name(seen, step)} is final, and a call of it may arrive for another {late:.3f} s"
            )

    def _check_outcome(self, seen: ObservedSaga) -> None:
        steps = [step for step, plan in enumerate(seen.graph.steps) if not plan.read_only]
        wanted = {
            step: (int(seen.state.vector[step] not in "NHV"), int(seen.state.vector[step] == "Z")) for step in steps
        }
        wanted |= {step: (0, 0) for step in steps if seen.state.vector[step] == "Z" and not seen.effects[step]}
        if seen.state.phase is COMPLETED and any((seen.effects[n], seen.undone[n]) != wanted[n] for n in steps):
            self.broken("I7", f"saga {seen.number} COMPLETED with effects {seen.effects}, undone {seen.undone}")
        if seen.state.phase is COMPENSATED and seen.effects != seen.undone:
            self.broken("I7", f"saga {seen.number} COMPENSATED with effects {seen.effects}, undone {seen.undone}")

    def _check_pivot(self, seen: ObservedSaga) -> None:
        if seen.is_passed and seen.state.phase in (COMPENSATING, COMPENSATED):
            self.broken("I8", f"saga {seen.number} rolls back although its pivot has taken effect")

    def _name(self, seen: ObservedSaga, step: int) -> str:
        plan = seen.graph.steps[step]
        return f"saga {seen.number}, {plan.name} ({_MODES[plan.mode]}{', pivot' if plan.pivot else ''})"


_MODES = {Mode.TRANSACTIONAL: "T", Mode.JOURNALED: "J", Mode.EXTERNAL: "X", Mode.ENGINE: "E"}


def _flags(state: State) -> str:
    return " cancel" * state.rollback_requested + " paused" * state.paused
