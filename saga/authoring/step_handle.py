"""The handles that `Definition.step` returns, and how several of them are named as predecessors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from saga.authoring.condition import Condition
from saga.authoring.path import Path


class StepHandle:
    """A step that has been added: later steps name it as a predecessor, and read its output or how it ended.

    `reason` is the path to the reason of its rejection, if the saga goes on after one.
    """

    __slots__ = ("_owner", "name", "output", "reason")

    def __init__(self, name: str, output: Path, reason: Path, owner: object) -> None:
        self.name: str = name
        self.output: Path = output
        self.reason: Path = reason
        self._owner = owner

    @property
    def succeeded(self) -> Condition:
        """The condition that the step has succeeded."""
        return Condition(f"steps.{self.name}.succeeded", self._owner)

    @property
    def skipped(self) -> Condition:
        """The condition that the step was skipped, because its own condition is false, or its `until` had finished."""
        return Condition(f"steps.{self.name}.skipped", self._owner)

    @property
    def rejected(self) -> Condition:
        """The condition that the step was rejected and the saga went on (`handled=True`, or `optional=True` and given up)."""
        return Condition(f"steps.{self.name}.rejected", self._owner)

    def __repr__(self) -> str:
        return f"<step {self.name}>"


@dataclass(frozen=True, slots=True)
class AtLeast:
    """Predecessors of which `successes` must have succeeded. Made by `any_of` and `at_least`."""

    successes: int
    steps: tuple[StepHandle, ...]


After: TypeAlias = StepHandle | Sequence[StepHandle] | AtLeast | None
"""The steps after which a step may come: one, all of several, or a number of them (`any_of`, `at_least`)."""


def any_of(*steps: StepHandle) -> AtLeast:
    """For `after=`: the step begins when one of these has succeeded. If none can any more, it is rejected."""
    return AtLeast(1, steps)


def at_least(successes: int, steps: Sequence[StepHandle]) -> AtLeast:
    """For `after=`: the step begins when this number of them has succeeded. When that is out of reach, it is rejected."""
    return AtLeast(successes, tuple(steps))
