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

    @property
    def timeout_seconds(self) -> float:
        return self.timeout_ms / 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFields(StepFields):
    """A check: where the CEL of `holds` is false, the step is rejected with this reason."""

    kind: StepKind = field(default=StepKind.CHECK, metadata=since(2, implied=StepKind.CALL))
    holds: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(CheckFields):
    """A complete check. It is evaluated in the decision itself, so it has no service, no command and no effect."""

    after: tuple[int, ...]

    service: ClassVar[str] = ""
    handler: ClassVar[str] = StepKind.CHECK.value
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


Step = Call | Check
"""A step of any kind."""
