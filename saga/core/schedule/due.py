"""Decides about the moments of a schedule that have come."""

from __future__ import annotations

from itertools import islice
from typing import Final, NamedTuple

from saga.core.schedule.moment import Moment
from saga.core.schedule.spec import ScheduleSpec

STARTS_MAX: Final = 100
"""Maximum number of sagas that a schedule starts in one transaction; the others follow in the next."""
MOMENTS_MAX: Final = 10_000
"""Maximum number of moments that are dealt with in one transaction."""
LATE: Final = "it was too long ago"
NEWER: Final = "a later moment was due as well"
BUSY: Final = "the saga of an earlier moment had not ended"


class Missed(NamedTuple):
    """`times` moments in a row, from `first` to `last`, for which nothing is started. `why`: for people."""

    first: Moment
    last: Moment
    times: int
    why: str


class Due(NamedTuple):
    """The work of one transaction.

    `starts`: the moments whose sagas are started. `last`: the last moment that is dealt with after it; None: there was none yet.
    `replaces`: the saga that goes on is rolled back first. `next_at`: when the schedule is looked at again, in seconds since the epoch;
    None: never.
    """

    starts: tuple[Moment, ...]
    missed: tuple[Missed, ...]
    last: Moment | None
    replaces: bool
    next_at: float | None


def due(name: str, spec: ScheduleSpec, last: Moment | None, since: float, now: float, *, is_busy: bool) -> Due:
    """Decides about the moments that have come. `is_busy`: the saga that was started before has not ended.

    `last`: the last moment that was dealt with; without one, moments count from the instant `since`.
    """
    come, next_at = _come(name, spec, last, since, now)
    young = [moment for moment in come if not spec.is_too_old(moment, now)]
    if is_busy and young and spec.overlap in ("wait", "replace"):
        return Due((), (), last, replaces=spec.overlap == "replace", next_at=now)
    is_more = next_at is not None and next_at <= now
    starts = _chosen(spec, young, is_busy=is_busy, is_more=is_more)
    if (
        starts and spec.catch_up == "all" and spec.overlap in ("start", "wait")
    ):  # the others are not missed: they follow
        come = come[: come.index(starts[-1]) + 1]
        next_at = now if starts[-1] != young[-1] else next_at
    why = BUSY if spec.overlap == "skip" and (is_busy or spec.catch_up == "all") else NEWER
    missed = _missed(come, set(young), set(starts), why)
    return Due(tuple(starts), tuple(missed), come[-1] if come else last, replaces=False, next_at=next_at)


def _come(
    name: str, spec: ScheduleSpec, last: Moment | None, since: float, now: float
) -> tuple[list[Moment], float | None]:
    """The moments that have come, and when the one behind them is due; None: there is none."""
    come: list[Moment] = []
    for moment in islice(spec.when.after(last, since), MOMENTS_MAX + 1):
        due_at = spec.due_at(name, moment)
        if due_at > now or len(come) == MOMENTS_MAX:
            return come, due_at
        come.append(moment)
    return come, None


def _chosen(spec: ScheduleSpec, young: list[Moment], *, is_busy: bool, is_more: bool) -> list[Moment]:
    """The moments that are started, of those that are not too old. `is_more`: there are later ones that have come, too."""
    if is_busy and spec.overlap == "skip":
        return []
    if spec.catch_up == "all" and spec.overlap != "replace":
        return young[:STARTS_MAX] if spec.overlap == "start" else young[:1]
    return [] if is_more else young[-1:]


def _missed(come: list[Moment], young: set[Moment], starts: set[Moment], why: str) -> list[Missed]:
    """The moments that are not started, neighbours with the same reason in one."""
    missed: list[Missed] = []
    before: str | None = None  # the reason of the moment before; None: it is started
    for moment in come:
        reason = None if moment in starts else why if moment in young else LATE
        if reason is None:
            pass
        elif reason == before:
            missed[-1] = missed[-1]._replace(last=moment, times=missed[-1].times + 1)
        else:
            missed.append(Missed(moment, moment, 1, reason))
        before = reason
    return missed
