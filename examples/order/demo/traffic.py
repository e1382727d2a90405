"""The customers: orders arrive at a steady rate for some seconds, then the rest arrives at once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic

from examples.order.audit.check import Outcome
from examples.order.order import Order

# Starts the saga of one order and waits for its outcome.
Place = Callable[[Order], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Arrivals:
    per_second: float = 100.0
    seconds: float = 4.5

    def due_seconds(self, index: int) -> float:
        """Returns when the order of this index arrives, counted from the first one."""
        return min(index / self.per_second, self.seconds)


@dataclass(slots=True)
class Tally:
    """The orders that were started, and their outcomes so far."""

    total: int
    started: int = 0
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    in_burst: set[str] = field(default_factory=set)

    @property
    def completed(self) -> int:
        return sum(outcome.is_completed for outcome in self.outcomes.values())

    def latencies(self, *, in_burst: bool) -> list[float]:
        """Returns the seconds from start to outcome, of the steady arrivals or of the burst."""
        return [value for number, value in self.seconds.items() if (number in self.in_burst) is in_burst]


async def send(orders: Sequence[Order], place: Place, arrivals: Arrivals, tally: Tally) -> None:
    """Places every order when it is due, regardless of the outcomes of earlier ones.

    Returns when each has its outcome. When it is cancelled, the tally holds the outcomes known by then.
    """
    began = monotonic()
    async with asyncio.TaskGroup() as customers:
        for index, order in enumerate(orders):
            due = arrivals.due_seconds(index)
            if due >= arrivals.seconds:
                tally.in_burst.add(order.number)
            await asyncio.sleep(max(0.0, began + due - monotonic()))
            customers.create_task(_follow(order, place, tally))


async def _follow(order: Order, place: Place, tally: Tally) -> None:
    began = monotonic()
    tally.started += 1
    outcome = await place(order)
    tally.seconds[order.number] = monotonic() - began
    tally.outcomes[order.number] = outcome
