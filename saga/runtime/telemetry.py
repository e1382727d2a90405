"""The hooks for metrics and traces. By default a process reports nothing, at no cost.

The runtime knows no library for either: it gets a `Telemetry`, and calls it once for each batch where it can. Neither a meter nor a
tracer may raise, block, or change its arguments.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

from saga.core.definition.graph import Graph
from saga.runtime.planning.commit_plan import CommitPlan
from saga.runtime.planning.outcome_group import OutcomeGroup
from saga.runtime.planning.start_request import StartRequest
from saga.runtime.steps.runner import StepRunner

Batch: TypeAlias = Literal["starts", "outcomes"]


class Meter(Protocol):
    """Counts. Called on the event loop; every call is a few dictionary operations."""

    def around(self, runner: StepRunner) -> StepRunner:
        """A runner that measures each attempt; called once for each runner, when the process is made."""

    def started(self, graph: Graph) -> None:
        """A saga was started."""

    def committed(self, group: OutcomeGroup, plan: CommitPlan) -> None:
        """The decision on one saga's outcomes is committed. `group.state` is the state before it."""

    def wrote(self, batch: Batch, sagas: int, seconds: float) -> None:
        """One commit, and how many sagas it has written."""

    def released(self, claims: int) -> None:
        """This process has released claims of dead processes, or claims whose lease had ended."""


class Tracer(Protocol):
    """Makes spans. All spans of a saga are in the trace that its row carries."""

    def around(self, runner: StepRunner) -> StepRunner:
        """A runner that makes a span of each attempt; called once for each runner, when the process is made."""

    def starting(self, request: StartRequest) -> AbstractContextManager[None]:
        """The span in which a saga is started. Sets `request.trace`, for the spans of its steps."""


class NoMeter:
    """Counts nothing. The runner stays as it is: not even a function call is added."""

    def around(self, runner: StepRunner) -> StepRunner:
        return runner

    def started(self, graph: Graph) -> None: ...

    def committed(self, group: OutcomeGroup, plan: CommitPlan) -> None: ...

    def wrote(self, batch: Batch, sagas: int, seconds: float) -> None: ...

    def released(self, claims: int) -> None: ...


class NoTracer:
    """Traces nothing. The runner stays as it is: not even a function call is added."""

    def __init__(self) -> None:
        self._nothing = nullcontext()

    def around(self, runner: StepRunner) -> StepRunner:
        return runner

    def starting(self, request: StartRequest) -> AbstractContextManager[None]:  # noqa: ARG002
        return self._nothing


@dataclass(frozen=True, slots=True)
class Telemetry:
    """The meter and the tracer of a process."""

    meter: Meter
    tracer: Tracer


SILENT: Final = Telemetry(NoMeter(), NoTracer())
