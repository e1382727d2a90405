"""The phases of a saga."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import ClassVar, Final


class Phase(Enum):
    """Where a whole saga stands. The value is the letter stored in the table."""

    RUNNING = "R"
    COMPENSATING = "C"
    ABANDONING = "A"
    COMPLETED = "D"
    COMPENSATED = "Z"
    ABANDONED = "X"

    def __init__(self, letter: str) -> None:
        self.letter = letter  # the value, without the detour that Enum makes
        self.is_terminal: bool = letter in "DZX"

    __hash__: ClassVar[Callable[[object], int]] = object.__hash__  # by identity: Enum hashes names, in Python


TERMINAL_PHASES: Final = frozenset(phase for phase in Phase if phase.is_terminal)
