"""Explores every interleaving, breadth first: the first counterexample is a shortest one."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.protocol import environment
from tests.protocol.invariants import check
from tests.protocol.model import FREE, OPERATOR, Model, Move, Violation
from tests.protocol.participants import work
from tests.protocol.people import operator
from tests.protocol.verdicts import PRODUCTION, Mutant
from tests.protocol.world import NAMES, TERMINAL, Config, World

STATES_MAX = 1_500_000


@dataclass(frozen=True)
class Result:
    """`violation` is empty if every invariant holds; the trace leads to it. `ends`: the terminal phases reached."""

    name: str
    violation: str
    trace: tuple[tuple[str, World], ...]
    states: int
    moves: int
    ends: frozenset[str]

    @property
    def invariant(self) -> str:
        return self.violation.partition(" ")[0]

    def story(self) -> str:
        """The counterexample, one line per step."""
        lines = [f"{self.name}: {self.violation}"]
        for number, (label, world) in enumerate(self.trace, 1):
            letters = " ".join(f"{name}={letter}" for name, letter in zip(NAMES, world.vector, strict=False))
            flags = " cancel" * world.cancel + " paused" * world.paused
            counts = f"effects {world.effects} undone {world.undone}"
            lines.append(f"{number:3d}. {label:<70} {world.phase} [{letters}]{flags} {counts}")
        return "\n".join(lines)


def explore(config: Config, mutant: Mutant = PRODUCTION, *, states_max: int = STATES_MAX) -> Result:
    """Visits every world that can be reached.

    Raises:
        RuntimeError: there are more than `states_max` of them.
    """
    return _Exploration(Model(config, mutant), states_max).run()


def moves(model: Model, world: World) -> Iterator[Move]:
    yield from environment.bus(model, world)
    for worker in dict.fromkeys(world.workers):
        yield from work(model, world, worker)
        yield from environment.crash(model, world, worker)
    for step in model.steps:
        yield from environment.tick(model, world, step)
        yield from operator(model, world, step)
    yield from environment.requests(model, world)
    yield from environment.clock(model, world)
    yield from environment.pause(model, world)
    yield from environment.databases(model, world)


class _Exploration:
    def __init__(self, model: Model, states_max: int) -> None:
        self.model = model
        self.states_max = states_max
        self.numbers: dict[World, int] = {}
        self.worlds: list[World] = []
        self.parents = array("i")
        self.labels: list[str] = []
        self.free = (array("i"), array("i"))
        self.helped = (array("i"), array("i"))
        self.moves = 0

    def run(self) -> Result:
        for world in self.model.start():
            self.number(self.model.canonical(world), -1, "")
        try:
            at = 0
            while at < len(self.worlds):
                self.visit(at)
                at += 1
        except _Found as found:
            return self.result(found.violation, found.at, found.last)
        return self.check_ends()

    def visit(self, at: int) -> None:
        model, world = self.model, self.worlds[at]
        last: tuple[tuple[str, World], ...] = ()
        try:
            for label, kind, after in moves(model, world):
                last = ((label, after),)
                self.moves += 1
                check(model, world, after, label)
                to = self.number(model.canonical(after), at, label)
                if to != at and kind in (FREE, OPERATOR):
                    sources, targets = self.free if kind == FREE else self.helped
                    sources.append(at)
                    targets.append(to)
        except Violation as violation:
            raise _Found(str(violation), at, last) from violation

    def number(self, world: World, parent: int, label: str) -> int:
        found = self.numbers.get(world)
        if found is not None:
            return found
        if len(self.worlds) >= self.states_max:
            raise RuntimeError(f"{self.model.config.name}: more than {self.states_max} states")
        self.numbers[world] = len(self.worlds)
        self.worlds.append(world)
        self.parents.append(parent)
        self.labels.append(label)
        return len(self.worlds) - 1

    def check_ends(self) -> Result:
        """L1: without faults and people, every world leads to an end or waits for an operator. L2: with one, to an end."""
        sources, targets = self.free
        ended = self.backwards(sources, targets, lambda world: world.phase in TERMINAL or _waits_for_person(world))
        if not all(ended):
            return self.result(f"L1 no end can be reached ({ended.count(0)} such states)", ended.index(0), ())
        ended = self.backwards(
            sources + self.helped[0], targets + self.helped[1], lambda world: world.phase in TERMINAL
        )
        if not all(ended):
            return self.result(f"L2 nobody can end it ({ended.count(0)} such states)", ended.index(0), ())
        return self.result("", 0, ())

    def backwards(self, sources: array[int], targets: array[int], is_goal: Callable[[World], bool]) -> bytearray:
        """Returns the worlds that lead to a goal along these moves."""
        arrivals: list[list[int]] = [[] for _ in self.worlds]
        for source, target in zip(sources, targets, strict=True):
            arrivals[target].append(source)
        leads = bytearray(map(is_goal, self.worlds))
        todo = [at for at, leading in enumerate(leads) if leading]
        while todo:
            for source in arrivals[todo.pop()]:
                if not leads[source]:
                    leads[source] = 1
                    todo.append(source)
        return leads

    def result(self, violation: str, at: int, last: tuple[tuple[str, World], ...]) -> Result:
        trace = list(last)
        while violation and self.parents[at] >= 0:
            trace.insert(0, (self.labels[at], self.worlds[at]))
            at = self.parents[at]
        ends = frozenset(world.phase for world in self.worlds if world.phase in TERMINAL)
        return Result(self.model.config.name, violation, tuple(trace), len(self.worlds), self.moves, ends)


class _Found(Exception):
    def __init__(self, violation: str, at: int, last: tuple[tuple[str, World], ...]) -> None:
        super().__init__(violation)
        self.violation, self.at, self.last = violation, at, last


def _waits_for_person(world: World) -> bool:
    return world.paused or any(letter in world.vector for letter in "dwuk")
