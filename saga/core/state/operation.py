"""The operations that a command can ask for."""

from __future__ import annotations

from enum import Enum


class Operation(Enum):
    """What a command asks a participant to do."""

    EXECUTE = "E"
    COMPENSATE = "C"
    VOID_OR_REPORT = "O"

    def __init__(self, letter: str) -> None:
        self.letter = letter

    __hash__ = object.__hash__
