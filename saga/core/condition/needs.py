"""Finds the results that the conditions of a definition read, and those that a process needs when a step has finished."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from saga.core.condition.condition import condition_of
from saga.core.definition.step import Check, Step

RECORDED_WORDS: Final = frozenset(("output", "reason"))
"""The words of a step that a condition reads from its recorded result; the other words follow from the vector."""


def texts_of(step: Step) -> Iterator[str]:
    """Yields the conditions of a step: the one under which it runs, and the one that it checks."""
    if step.condition is not None:
        yield step.condition
    if isinstance(step, Check):
        yield step.holds


def results_read(step: Step, positions: Mapping[str, int]) -> frozenset[int]:
    """The positions of the steps whose recorded results the conditions of a step read."""
    words = (word for text in texts_of(step) for word in condition_of(text).step_words)
    return frozenset(positions[name] for name, word in words if word in RECORDED_WORDS)


def results_read_behind(
    steps: Sequence[Step],
    reads: Sequence[frozenset[int]],
    successors: Sequence[Sequence[int]],
    next_steps: Iterable[int],
) -> frozenset[int]:
    """The results that may be read to decide about these steps, and about those that come next because one needs no command.

    `reads` has, for each step, the results that its own conditions read.
    """
    waiting = list(next_steps)
    seen, found = set(waiting), set[int]()
    while waiting:
        step = waiting.pop()
        found |= reads[step]
        if not steps[step].is_static:
            fresh = set(successors[step]) - seen
            seen |= fresh
            waiting += fresh
    return frozenset(found)
