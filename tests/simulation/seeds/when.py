"""Random conditions on real values, written with the builder, and their truth as it follows from the recorded outcomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from random import Random
from typing import Final

from saga.authoring import Condition, Definition, StepHandle

INPUTS: Final = 9  # sagas are numbered from 0, and their number is their input


class About(Enum):
    """The value that a condition is about."""

    INPUT = "the input"
    PARITY = "the input, as CEL"
    OUTPUT = "the output of a step"
    SUCCEEDED = "a step that succeeded"
    REJECTED = "a step whose rejection is handled"
    SKIPPED = "a step that was skipped"


@dataclass(frozen=True, slots=True)
class When:
    """A condition: it is about the step at this position, or the input if that is -1, which it compares with `limit`."""

    about: About
    step: int
    limit: int
    is_negated: bool

    @property
    def opposite(self) -> When:
        return replace(self, is_negated=not self.is_negated)

    def written(self, definition: Definition, handles: Sequence[StepHandle]) -> Condition | str:
        """The condition as a user writes it."""
        text = self._affirmed(definition, handles)
        if isinstance(text, str):
            return f"!({text})" if self.is_negated else text
        return ~text if self.is_negated else text

    def _affirmed(self, definition: Definition, handles: Sequence[StepHandle]) -> Condition | str:
        match self.about:
            case About.INPUT:
                return definition.input > self.limit
            case About.PARITY:
                return "input % 2 == 0"
            case About.OUTPUT:
                return handles[self.step].output.or_("") > str(self.limit)
            case About.SUCCEEDED:
                return handles[self.step].succeeded
            case About.REJECTED:
                return handles[self.step].rejected
            case About.SKIPPED:
                return handles[self.step].skipped

    def holds(self, number: int, letter: Callable[[int], str], output: Callable[[int], str]) -> bool:
        """Returns whether it is true of the saga with this number, whose steps have these letters and have returned these texts."""
        found = {
            About.INPUT: lambda: number > self.limit,
            About.PARITY: lambda: number % 2 == 0,
            About.OUTPUT: lambda: output(self.step) > str(self.limit),
            About.SUCCEEDED: lambda: letter(self.step) == "S",
            About.REJECTED: lambda: letter(self.step) == "H",
            About.SKIPPED: lambda: letter(self.step) == "N",
        }[self.about]()
        return found != self.is_negated


def draw_when(random: Random, known: Sequence[int]) -> When:
    """Draws a condition on the input, or on one of the steps that have finished by then."""
    about = random.choice(list(About)) if known else random.choice((About.INPUT, About.PARITY))
    is_about_input = about in (About.INPUT, About.PARITY)
    return When(about, -1 if is_about_input else random.choice(known), random.randrange(INPUTS), random.random() < 0.5)
