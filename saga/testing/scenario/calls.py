"""The calls of handlers, as a test sees them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from uuid import UUID

from saga.codec.codec import Value
from saga.core.text import named, shown_value

TEXT_CHARS_MAX = 120


class Part(Enum):
    """The function of a handler that was called. The value is the prefix that it gives to the name of the call."""

    EXECUTE = ""
    UNDO = "undo "
    PROBE = "probe "


class Outcome(Enum):
    """The end of a call."""

    RUNNING = "has not answered"
    RETURNED = "returned"
    RAISED = "raised"
    CUT_OFF = "was cut off"
    CRASHED = "died with its process"


@dataclass(slots=True)
class Call:
    """One call of a handler.

    `handler` is "service.handler". `input` is what the handler got: its type if the handler is real, else plain JSON. `undone` is the
    recorded result that a compensation got. `attempt` counts from 1; `at` is in virtual seconds since the harness was opened.
    `value` is what the handler returned, `error` what it raised.
    """

    saga: UUID
    step: str
    handler: str
    part: Part
    input: Value
    attempt: int
    at: float
    undone: Value = None
    outcome: Outcome = Outcome.RUNNING
    value: Value = None
    error: BaseException | None = None

    def __str__(self) -> str:
        """The name of the call: "payments.charge", "undo payments.charge"."""
        return f"{self.part.value}{self.handler}"

    def __repr__(self) -> str:
        what = f" {shown_value(self.value, TEXT_CHARS_MAX)}" if self.outcome is Outcome.RETURNED else ""
        why = "" if self.error is None else f" {named(self.error)}"
        times = "" if self.attempt == 1 else f", attempt {self.attempt},"
        return f"<{self}({shown_value(self.input, TEXT_CHARS_MAX)}){times} at {self.at:.3f} s {self.outcome.value}{what}{why}>"


class Calls(tuple[Call, ...]):
    """Calls in the order in which they began."""

    __slots__ = ()

    @property
    def names(self) -> list[str]:
        """Their names: ["inventory.reserve", "payments.charge", "undo inventory.reserve"]."""
        return [str(call) for call in self]

    @property
    def inputs(self) -> list[Value]:
        """Their inputs."""
        return [call.input for call in self]

    def __repr__(self) -> str:
        return "\n".join(map(repr, self)) if self else "<no calls>"
