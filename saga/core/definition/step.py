"""The steps of a definition: the fields of every step, and those that each kind of step adds."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar

from saga.core.definition.json_value import Json
from saga.core.definition.retry_policy import DEFAULT_RETRY, RetryPolicy
from saga.core.definition.stored_form import since
from saga.core.state.mode import Mode


class StepKind(Enum):
    """The kind of a step, which says what happens when its turn comes."""

    CALL = "call"
    CHECK = "check"
    WAIT = "wait"
    TIMER = "timer"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFields:
    """The fields of every step, with or without its contract.

    `condition` is CEL: the step is skipped where it is false. `successes` is how many of its predecessors must have succeeded; 0: all of
    them must be finished. `handled`: the saga goes on after its rejection; `optional`: also after it was given up.
    """

    name: str
    kind: StepKind = field(default=StepKind.CALL, metadata=since(2, implied=StepKind.CALL))
    pivot: bool
    retriable: bool
    successes: int = field(default=0, metadata=since(2, implied=0))
    condition: str | None = field(default=None, metadata=since(2, implied=None))
    handled: bool = field(default=False, metadata=since(2, implied=False))
    optional: bool = field(default=False, metadata=since(2, implied=False))

    @property
    def is_static(self) -> bool:
        """Returns whether it runs when all its predecessors are finished, whatever they have recorded."""
        return self.kind is StepKind.CALL and self.condition is None and not self.successes

    @property
    def goes_on(self) -> bool:
        """Returns whether the saga goes on after a rejection of this step."""
        return self.handled or self.optional


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFields(StepFields):
    """A call of a service's handler, with the fields that its author sets. `inputs` None stands for the saga's input."""

    service: str
    handler: str
    inputs: Json
    read_only: bool
    timeout_ms: int
    retry: RetryPolicy
    compensation_retry: RetryPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(CallFields):
    """A complete call, with the fields that its contract adds. `after` and `reads` are positions in `Graph.steps`."""

    mode: Mode
    after: tuple[int, ...]
    compensation: bool
    probe: bool
    reads: tuple[int, ...]  # the steps whose results `inputs` needs
    until: int | None = field(
        default=None, metadata=since(3, implied=None)
    )  # once that step has finished, it is skipped

    @property
    def timeout_seconds(self) -> float:
        return self.timeout_ms / 1000


class EngineStep:
    """The base of all steps of Saga itself: no handler, no input, and no effect to undo."""

    __slots__ = ()

    mode: ClassVar[Mode] = Mode.ENGINE
    read_only: ClassVar[bool] = True
    compensation: ClassVar[bool] = False
    probe: ClassVar[bool] = False
    reads: ClassVar[tuple[int, ...]] = ()
    inputs: ClassVar[Json] = None
    timeout_ms: ClassVar[int] = 0
    timeout_seconds: ClassVar[float] = 0.0
    retry: ClassVar[RetryPolicy] = DEFAULT_RETRY
    compensation_retry: ClassVar[RetryPolicy] = DEFAULT_RETRY


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFields(StepFields):
    """A check: where the CEL of `holds` is false, the step is rejected with this reason."""

    kind: StepKind = field(default=StepKind.CHECK, metadata=since(2, implied=StepKind.CALL))
    holds: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(CheckFields, EngineStep):
    """A complete check. It is evaluated in the decision itself, so it has no service, no command and no effect."""

    after: tuple[int, ...]

    service: ClassVar[str] = ""
    handler: ClassVar[str] = StepKind.CHECK.value
    until: ClassVar[int | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitFields(StepFields):
    """A wait for the first event that has one of these names.

    `wait_ms`: after that long it is rejected, or succeeds with the value of `otherwise`; None: it waits for ever. `otherwise` is None or
    `{"value": ...}`. `cancels`: the event rolls the saga back; the wait is over when the pivot has passed or all else is finished.
    """

    kind: StepKind = field(default=StepKind.WAIT, metadata=since(3, implied=StepKind.CALL))
    names: tuple[str, ...]
    wait_ms: int | None
    otherwise: Json = None
    cancels: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(WaitFields, EngineStep):
    """A complete wait. The processes of `service` look for the event."""

    after: tuple[int, ...]
    service: str

    handler: ClassVar[str] = StepKind.WAIT.value
    until: ClassVar[int | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerFields(StepFields):
    """A timer: it succeeds when this much time has passed since its turn came."""

    kind: StepKind = field(default=StepKind.TIMER, metadata=since(3, implied=StepKind.CALL))
    pause_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer(TimerFields, EngineStep):
    """A complete timer. The processes of `service` watch the clock. Once the step `until` has finished, it is skipped."""

    after: tuple[int, ...]
    service: str
    until: int | None = None

    handler: ClassVar[str] = StepKind.TIMER.value


Step = Call | Check | Wait | Timer
"""A step of any kind."""
