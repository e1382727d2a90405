"""Random definitions with branches: conditions, joins that count, checks, waits, timers, handled and optional steps.

Many make no sense, all are sound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from saga.core.definition.graph import Graph
from saga.core.definition.step import Step
from tests.core.graphs import check, graph, step, timer, wait

STEPS_MAX: Final = 4
"""Before the pivot, and behind it."""


@dataclass
class _Written:
    """A definition while it is made up: its steps, and for each those that have finished whenever it begins."""

    rng: Random
    steps: list[Step] = field(default_factory=list)
    finished: list[frozenset[int]] = field(default_factory=list)

    def add(self, *, behind: int | None) -> None:
        """Adds a step; `behind` the pivot nothing rolls back, so there is no check, and a join that can fall short is handled."""
        rng, name = self.rng, f"s{len(self.steps)}"
        after = self._after(behind)
        successes = rng.randint(1, len(after)) if after and rng.random() < 0.3 else 0
        known = self._finished_before(after, successes)
        condition = self._condition(known, after if successes else ()) if rng.random() < 0.4 else None
        self.finished.append(known)
        if behind is None and rng.random() < 0.25:
            self.steps.append(check(name, holds=self._condition(known, ()), after=after, condition=condition))
            return
        until = rng.choice([None, *range(len(self.steps))])
        if rng.random() < 0.15:
            self.steps.append(timer(name, after=after, until=until, condition=None if successes else condition))
            return
        if rng.random() < 0.15:
            is_handled = behind is not None or rng.random() < 0.5
            self.steps.append(wait(name, after=after, successes=successes, condition=condition, handled=is_handled))
            return
        ending = self._ending(successes, behind)
        mode = rng.choice("TJX")
        self.steps.append(
            step(name, mode, after=after, successes=successes, condition=condition, until=until, **ending)
        )

    def add_pivot(self) -> int:
        """Adds a pivot after everything."""
        after = range(len(self.steps))
        self.finished.append(frozenset(after))
        self.steps.append(step("pivot", self.rng.choice("TJX"), after=after, pivot=True))
        return len(self.steps) - 1

    def _after(self, behind: int | None) -> list[int]:
        """Behind the pivot some steps come after others behind it, and else after the pivot."""
        first = 0 if behind is None else behind
        others = range(first, len(self.steps))
        chosen = self.rng.sample(others, min(self.rng.randint(0, 3), len(others)))
        return sorted(chosen) or ([] if behind is None else [behind])

    def _finished_before(self, after: Sequence[int], successes: int) -> frozenset[int]:
        sets = [self.finished[before] for before in after]
        if successes:
            return frozenset.intersection(*sets)
        return frozenset(after).union(*sets)

    def _ending(self, successes: int, behind: int | None) -> dict[str, bool]:
        if behind is not None and successes:
            return {"handled": True}
        kind = self.rng.choice(("plain", "plain", "handled", "optional"))
        return {"plain": {}, "handled": {"handled": True}, "optional": {"optional": True, "read_only": True}}[kind]

    def _condition(self, known: frozenset[int], counted: Sequence[int]) -> str:
        texts = list(self._texts(known, counted))
        first, second = self.rng.choice(texts), self.rng.choice(texts)
        return self.rng.choice((first, f"!({first})", f"({first}) && ({second})", f"({first}) || ({second})"))

    def _texts(self, known: frozenset[int], counted: Sequence[int]) -> Iterator[str]:
        yield f"input.n > {self.rng.randint(-1, 9)}"
        for position in sorted(known | set(counted)):
            path = f"steps.{self.steps[position].name}"
            yield from (f"{path}.succeeded == true", f"{path}.skipped == true", f"{path}.rejected == true")
            if position in known:
                yield from (f"{path}.output > {self.rng.randint(-1, 9)}", f'{path}.reason == "no"')


def branching(rng: Random) -> Graph:
    """Some steps, sometimes a pivot after all of them and more steps behind it."""
    written = _Written(rng)
    for _ in range(rng.randint(1, STEPS_MAX)):
        written.add(behind=None)
    if rng.random() < 0.5:
        pivot = written.add_pivot()
        for _ in range(rng.randint(0, STEPS_MAX)):
            written.add(behind=pivot)
    if rng.random() < 0.3:
        written.steps.append(wait("cancelled", cancels=True))
    return graph(*written.steps)
