"""The operations that a command can ask for."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import ClassVar


class Operation(Enum):
    """An instruction to a participant."""

    EXECUTE = "E"
    COMPENSATE = "C"
    VOID_OR_REPORT = "O"

    def __init__(self, letter: str) -> None:
        self.letter = letter

    __hash__: ClassVar[Callable[[object], int]] = object.__hash__
