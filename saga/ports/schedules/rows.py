"""A schedule as a store keeps it, and the outcomes of its moments."""

from __future__ import annotations

from enum import Enum
from typing import Final
from uuid import UUID

from msgspec import Struct

from saga.core.schedule.moment import Moment
from saga.core.schedule.spec import ScheduleSpec
from saga.errors import NotFound

DUE_MAX: Final = 100
"""Maximum number of schedules that a leader looks at in one go."""
RUNS_KEPT: Final = 1_000
"""Maximum number of lines of one schedule; older ones are deleted."""


class ScheduleRow(Struct, frozen=True):
    """A schedule with how far it is. Times are in seconds since the epoch, on the store's clock.

    `since`: moments count from here where there is no `last` one. `last`: the last moment that was dealt with. `saga`: that was started
    last. `next_at`: when a leader looks at it next; None: it has no further moments.
    """

    name: str
    spec: ScheduleSpec
    since: float
    is_paused: bool = False
    last: Moment | None = None
    saga: UUID | None = None
    next_at: float | None = None


class Cause(Enum):
    """The origin of a start."""

    MOMENT = "moment"
    FILL = "fill"
    NOW = "now"


class Run(Struct, frozen=True):
    """A moment for which a saga was started, or `count` moments in a row up to `last` that were missed, and `why`."""

    moment: Moment
    cause: Cause
    saga: UUID | None = None
    last: Moment | None = None
    count: int = 1
    why: str | None = None


class RunLine(Struct, frozen=True):
    """A line about a schedule. `at`: when it was written. `id`: later lines have larger ones."""

    id: int
    at: float
    run: Run


def unknown_schedule(name: str) -> NotFound:
    """The error of a store that has no such schedule."""
    return NotFound(f"there is no schedule {name!r}: saga schedule ls lists them")
