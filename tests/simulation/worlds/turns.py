"""The letter that is due for each pending step of a random definition, computed from its plan and not from the stored form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import Final

from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from tests.simulation.seeds.when import When
from tests.simulation.worlds.definitions import DefinitionPlan, StepPlan

FINISHED: Final = "SNHVZ"
_BECOMES: Final = {
    "D": "DW",
    "R": "Rd",
}  # a pivot that is asked to void, a kept rejection behind the pivot: in the same write


def _fits(letter: str, due: str) -> bool:
    return letter in _BECOMES.get(due, due)


def _without(after: str, before: str, late: Sequence[int]) -> str:
    """The vector before these steps had finished."""
    return "".join(before[at] if at in late else letter for at, letter in enumerate(after))


class Turns:
    """The steps of one saga. `letters` are given by the positions of the plan, which the frozen graph has in another order."""

    def __init__(self, plan: DefinitionPlan, names: list[str], number: int, is_resolved: Callable[[str], bool]) -> None:
        self._plan = plan
        self._order = [names.index(step.name) for step in plan.steps]
        self._number = number
        self._is_resolved = is_resolved

    def faults(self, before: State, after: State) -> Iterator[str]:
        """The steps whose letters after this write are not due by their joins and conditions. A saga that is stored as it begins waits."""
        if after.phase not in (Phase.RUNNING, Phase.COMPLETED) or set(after.vector) == {"P"}:
            return
        is_held = after.paused or after.rollback_requested
        for step, place in zip(self._plan.steps, self._order, strict=True):
            old, new = before.vector[place], after.vector[place]
            if old != "P" or (new == "P" and is_held):
                continue
            due = self._due(step, after.vector)
            if not _fits(new, due) and not self._was_due(step, new, before.vector, after.vector):
                yield f"{step.name} is {new} and ought to be {due}, as the vector is {after.vector}"

    def _was_due(self, step: StepPlan, letter: str, before: str, after: str) -> bool:
        """Tells whether a step that counts, or ends with another one, got its letter from the first of several outcomes in one write."""
        finished = [at for at, letter in enumerate(after) if letter in FINISHED and before[at] not in FINISHED]
        late = (late for count in range(1, len(finished) + 1) for late in combinations(finished, count))
        is_early = step.successes > 0 or step.until is not None
        return is_early and any(_fits(letter, self._due(step, _without(after, before, at))) for at in late)

    def _due(self, step: StepPlan, vector: str) -> str:
        """The letter that a step has now which was pending until now."""
        befores = [vector[self._order[before]] for before in step.after]
        succeeded, still_open = befores.count("S"), sum(letter not in FINISHED for letter in befores)
        if succeeded + still_open >= step.successes and (
            succeeded < step.successes or (not step.successes and still_open)
        ):
            return "P"
        if step.until is not None and vector[self._order[step.until]] in FINISHED:
            return "N"
        if not all(self._holds(when, vector) for when in self._plan.conditions(step)):
            return "N"
        if succeeded < step.successes:
            return "H" if step.goes_on else "R"
        if step.holds is None:
            return "D"
        return "S" if self._holds(step.holds, vector) else "R"

    def _holds(self, when: When, vector: str) -> bool:
        return when.holds(self._number, lambda at: vector[self._order[at]], lambda at: self._output(at, vector))

    def _output(self, at: int, vector: str) -> str:
        """The output of the step; nothing if it has not succeeded, or an operator has said that it did."""
        name = self._plan.steps[at].name
        return f"{self._number}.{name}" if vector[self._order[at]] == "S" and not self._is_resolved(name) else ""
