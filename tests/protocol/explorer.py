"""Explores every interleaving of a model, breadth first: the first counterexample is a shortest one."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

STATES_MAX = 1_500_000
FREE, FAULT, OPERATOR = range(3)  # a move that happens by itself; that need not happen; that only a person makes

State = TypeVar("State", bound=Hashable)
Move = tuple[str, int, State]  # the description of a change, its kind, and the state after it


class Violation(Exception):
    """An invariant does not hold. The text begins with its number."""


class Model(Protocol[State]):
    """The changes that can happen, and the invariants. States are values: equal ones are visited once."""

    @property
    def name(self) -> str: ...

    def start(self) -> Iterator[State]:
        """Yields the states to begin with."""

    def moves(self, state: State) -> Iterator[Move[State]]:
        """Yields every change that can happen to this state."""

    def check(self, before: State, after: State, label: str) -> None:
        """Raises Violation if this change breaks an invariant."""

    def canonical(self, state: State) -> State:
        """Returns one state for all that differ only by a symmetry of the configuration."""

    def end(self, state: State) -> str:
        """Returns how everything has ended in this state; empty if it has not."""

    def waits_for_person(self, state: State) -> bool:
        """Returns whether this state may stay as it is until a person does something."""

    def shown(self, state: State) -> str:
        """Returns the state as a line of a story."""


@dataclass(frozen=True)
class Result(Generic[State]):
    """`violation` is empty if every invariant holds; the trace leads to it. `ends`: the ends reached, and how often."""

    model: Model[State]
    violation: str
    trace: tuple[tuple[str, State], ...]
    states: int
    moves: int
    ends: dict[str, int]

    @property
    def invariant(self) -> str:
        return self.violation.partition(" ")[0]

    def story(self) -> str:
        """The counterexample, one line per step."""
        lines = [f"{self.model.name}: {self.violation}"]
        lines += [f"{n:3d}. {label:<70} {self.model.shown(state)}" for n, (label, state) in enumerate(self.trace, 1)]
        return "\n".join(lines)


def explore(model: Model[State], *, states_max: int = STATES_MAX) -> Result[State]:
    """Visits every state that can be reached.

    Raises:
        RuntimeError: there are more than `states_max` of them.
    """
    return _Exploration(model, states_max).run()


class _Exploration(Generic[State]):
    def __init__(self, model: Model[State], states_max: int) -> None:
        self.model = model
        self.states_max = states_max
        self.numbers: dict[State, int] = {}
        self.states: list[State] = []
        self.parents = array("i")
        self.labels: list[str] = []
        self.free = (array("i"), array("i"))
        self.helped = (array("i"), array("i"))
        self.moves = 0

    def run(self) -> Result[State]:
        for state in self.model.start():
            self.number(self.model.canonical(state), -1, "")
        at = 0
        while at < len(self.states):
            found = self.visit(at)
            if found is not None:
                return found
            at += 1
        return self.check_ends()

    def visit(self, at: int) -> Result[State] | None:
        model, state = self.model, self.states[at]
        last: tuple[tuple[str, State], ...] = ()
        try:
            for label, kind, after in model.moves(state):
                last = ((label, after),)
                self.moves += 1
                model.check(state, after, label)
                to = self.number(model.canonical(after), at, label)
                if to != at and kind != FAULT:
                    sources, targets = self.free if kind == FREE else self.helped
                    sources.append(at)
                    targets.append(to)
        except Violation as violation:
            return self.result(str(violation), at, last)
        return None

    def number(self, state: State, parent: int, label: str) -> int:
        found = self.numbers.get(state)
        if found is not None:
            return found
        if len(self.states) >= self.states_max:
            raise RuntimeError(f"{self.model.name}: more than {self.states_max} states")
        self.numbers[state] = len(self.states)
        self.states.append(state)
        self.parents.append(parent)
        self.labels.append(label)
        return len(self.states) - 1

    def check_ends(self) -> Result[State]:
        """L1: without faults and people, every state leads to an end or waits for a person. L2: with people, to an end."""
        sources, targets = self.free
        ended = self.backwards(
            sources, targets, lambda state: bool(self.model.end(state)) or self.model.waits_for_person(state)
        )
        if not all(ended):
            return self.result(f"L1 no end can be reached ({ended.count(0)} such states)", ended.index(0), ())
        ended = self.backwards(
            sources + self.helped[0], targets + self.helped[1], lambda state: bool(self.model.end(state))
        )
        if not all(ended):
            return self.result(f"L2 nobody can end it ({ended.count(0)} such states)", ended.index(0), ())
        return self.result("", 0, ())

    def backwards(self, sources: array[int], targets: array[int], is_goal: Callable[[State], bool]) -> bytearray:
        """Returns which states lead to a goal along these moves."""
        arrivals: list[list[int]] = [[] for _ in self.states]
        for source, target in zip(sources, targets, strict=True):
            arrivals[target].append(source)
        leads = bytearray(map(is_goal, self.states))
        todo = [at for at, leading in enumerate(leads) if leading]
        while todo:
            for source in arrivals[todo.pop()]:
                if not leads[source]:
                    leads[source] = 1
                    todo.append(source)
        return leads

    def result(self, violation: str, at: int, last: tuple[tuple[str, State], ...]) -> Result[State]:
        trace = list(last)
        while violation and self.parents[at] >= 0:
            trace.insert(0, (self.labels[at], self.states[at]))
            at = self.parents[at]
        ends: dict[str, int] = {}
        for end in filter(None, map(self.model.end, self.states)):
            ends[end] = ends.get(end, 0) + 1
        return Result(self.model, violation, tuple(trace), len(self.states), self.moves, ends)
