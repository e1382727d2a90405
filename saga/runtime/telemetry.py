"""What a process tells about its work, to whoever counts it and whoever traces it. By default nobody does, and that costs nothing.

The runtime knows no library of metrics or traces: it is given a `Telemetry`, and calls it where batches are made. Neither a meter nor a
tracer may raise, block, or change what it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias

from saga.core.definition.graph import Graph
from saga.runtime.handlers.bound_handler import BoundHandler
from saga.runtime.planning.outcome import Outcome
from saga.runtime.planning.plan import CommitPlan, OutcomeGroup
from saga.runtime.steps.attempt import Attempt
from saga.runtime.steps.transactional import Committed

if TYPE_CHECKING:
    from saga.runtime.planning.start_request import StartRequest

Run: TypeAlias = Callable[[Attempt, BoundHandler], Coroutine[Any, Any, Outcome | Committed]]
"""One attempt at a step, from the handler's call to its outcome."""
Batch: TypeAlias = Literal["starts", "outcomes"]


class Meter(Protocol):
    """Counts. Called on the event loop; every call is a few dictionary operations."""

    def around(self, run: Run) -> Run:
        """The same function, timed; called once, when the process is made."""

    def started(self, graph: Graph) -> None:
        """A saga was started."""

    def committed(self, group: OutcomeGroup, made: CommitPlan) -> None:
        """What one saga's outcomes decided is committed. `group.state` is what it was decided on."""

    def wrote(self, batch: Batch, sagas: int, seconds: float) -> None:
        """One commit of so many sagas took so long."""

    def released(self, claims: int) -> None:
        """This process has freed so many claims of dead processes, or claims whose lease was over."""


class Tracer(Protocol):
    """Makes spans. All spans of a saga are in the trace that its row carries."""

    def around(self, run: Run) -> Run:
        """The same function, in a span; called once, when the process is made."""

    def starting(self, order: StartRequest) -> AbstractContextManager[None]:
        """The span in which a saga is started. Sets `order.trace`, for the spans of its steps."""


class NoMeter:
    """Nobody counts."""

    def around(self, run: Run) -> Run:
        return run

    def started(self, graph: Graph) -> None: ...

    def committed(self, group: OutcomeGroup, made: CommitPlan) -> None: ...

    def wrote(self, batch: Batch, sagas: int, seconds: float) -> None: ...

    def released(self, claims: int) -> None: ...


class NoTracer:
    """Nobody traces."""

    def __init__(self) -> None:
        self._nothing = nullcontext()

    def around(self, run: Run) -> Run:
        return run

    def starting(self, order: StartRequest) -> AbstractContextManager[None]:  # noqa: ARG002
        return self._nothing


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Who counts, and who traces."""

    meter: Meter
    tracer: Tracer


SILENT: Final = Telemetry(NoMeter(), NoTracer())
