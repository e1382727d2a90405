"""The answers of a scripted handler."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from saga.core.duration import Duration, duration_ms
from saga.errors import UsageError


class _Real(Enum):
    REAL = "REAL"

    def __repr__(self) -> str:
        return self.value


REAL: Final = _Real.REAL
"""An answer: the participant's own function is called. A handler of a service that is given by name returns None instead."""


class InTurn:
    """An answer for each call, in this order; the last one also for every later call. `InTurn(ConnectionError("reset"), "ch_1")`"""

    def __init__(self, *answers: object) -> None:
        if not answers:
            raise UsageError("InTurn() has no answers: give it one for each call, as in InTurn(ConnectionError(), 17)")
        self.answers = answers

    def __repr__(self) -> str:
        return f"InTurn({', '.join(map(repr, self.answers))})"


class After:
    """An answer that comes after a delay, in virtual time: `After("5s", "ch_1")`."""

    def __init__(self, delay: Duration, answer: object = None) -> None:
        self.seconds: float = duration_ms(delay) / 1_000
        self.answer = answer

    def __repr__(self) -> str:
        return f"After({self.seconds:g}, {self.answer!r})"


@dataclass(frozen=True, slots=True)
class Never:
    """An answer that never comes: the step runs into its timeout."""


@dataclass(frozen=True, slots=True)
class Crash:
    """The process dies during the call, as by kill -9, and another one takes over: the next attempt gets the next answer.

    With `after`, this answer is given first and its outcome is lost: `Crash(after=REAL)` has the effect of the real handler, but
    nobody is told.
    """

    after: object = None


class Script:
    """The answers of one handler: of the step itself, of its compensation, and of its probe.

    An answer is a value, an exception to raise (`Reject`, `GiveUp`, `NotYet`, any other), a function that gets what the handler would
    get, or one of `InTurn`, `After`, `Never`, `Crash` and `REAL`. `compensation=False`: the handler, of a service that is given by
    name, cannot be undone.
    """

    def __init__(
        self, answer: object = REAL, *, undo: object = REAL, probe: object = REAL, compensation: bool = True
    ) -> None:
        self.answer = answer
        self.undo = undo
        self.probe = probe
        self.compensation = compensation


def script_of(answer: object) -> Script:
    """A bare answer is the script of the step itself."""
    return answer if isinstance(answer, Script) else Script(answer)
