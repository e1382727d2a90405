"""A schedule: which saga it starts when, and its rules for moments that cannot be kept."""

from __future__ import annotations

import hashlib
from typing import Final, Literal

from msgspec import Raw, Struct

from saga.core.duration import duration_ms
from saga.core.schedule.moment import Moment
from saga.core.schedule.timetable import Timetable

Overlap = Literal["skip", "start", "wait", "replace"]
CatchUp = Literal["last", "all", "none"]
OVERLAPS: Final = ("skip", "start", "wait", "replace")
CATCH_UPS: Final = ("last", "all", "none")
LATE_SECONDS: Final = 60.0
"""The age from which a moment is missed with `catch_up="none"`."""


class ScheduleSpec(Struct, frozen=True, omit_defaults=True):
    """A schedule as it is stored, as JSON.

    `version`: of the definition; None: the newest activated one at each moment. `input`, `tags`: of each saga. `jitter`, `within`:
    durations. `overlap`: what happens while the saga of the moment before has not ended. `catch_up`: which of the moments that nobody
    kept are started afterwards; none that is longer ago than `within`.
    """

    definition: str
    when: Timetable
    version: int | None = None
    input: Raw = Raw(b"null")
    tags: dict[str, str] = {}
    jitter: str | None = None
    overlap: Overlap = "skip"
    catch_up: CatchUp = "last"
    within: str | None = None

    def is_too_old(self, moment: Moment, now: float) -> bool:
        """Returns whether nothing is started for this moment any more."""
        late = now - moment.instant
        if self.catch_up == "none" and late > LATE_SECONDS:
            return True
        return self.within is not None and late > duration_ms(self.within) / 1_000

    def due_at(self, name: str, moment: Moment) -> float:
        """When the saga of a moment is started, in seconds since the epoch. Every process finds the same jitter."""
        if self.jitter is None:
            return moment.instant
        digest = hashlib.sha256(f"{name}@{moment.text}".encode()).digest()
        return moment.instant + int.from_bytes(digest[:6], "big") % duration_ms(self.jitter) / 1_000


def start_key(name: str, moment: Moment) -> str:
    """The start key of the saga of a moment. Every process that starts it uses this key, so that it is started once."""
    return f"{name}@{moment.text}"
