"""The steps of a definition: the fields of every step, and those that each kind of step adds."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from saga.core.definition.json_value import Json
from saga.core.definition.retry_policy import RetryPolicy
from saga.core.definition.stored_form import since
from saga.core.state.mode import Mode


class StepKind(Enum):
    """The kind of a step, which says what happens when it is dispatched."""

    CALL = "call"


class Join(Enum):
    """The predecessors that must be finished before a step is dispatched."""

    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFields:
    """The fields of every step, with or without its contract. `inputs` None stands for the saga's input."""

    name: str
    kind: StepKind = field(default=StepKind.CALL, metadata=since(2, implied=StepKind.CALL))
    pivot: bool
    retriable: bool
    join: Join = field(default=Join.ALL, metadata=since(2, implied=Join.ALL))
    condition: None = field(default=None, metadata=since(2, implied=None))
    inputs: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFields(StepFields):
    """A call of a service's handler, with the fields that the author of the definition sets."""

    service: str
    handler: str
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


Step = Call
"""A step of any kind: the union of the kinds."""
