"""The phases of a saga."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import ClassVar, Final


class Phase(Enum):
    """The phase of a whole saga. The value is the letter stored in the table."""

    RUNNING = "R"
    COMPENSATING = "C"
    ABANDONING = "A"
    COMPLETED = "D"
    COMPENSATED = "Z"
    ABANDONED = "X"

    def __init__(self, letter: str) -> None:
        self.letter = letter  # the value; reading Enum.value is slower
        self.is_terminal: bool = letter in "DZX"

    __hash__: ClassVar[Callable[[object], int]] = object.__hash__  # by identity; Enum hashes names in Python code


TERMINAL_PHASES: Final = frozenset(phase for phase in Phase if phase.is_terminal)
