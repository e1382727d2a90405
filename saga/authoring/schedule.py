"""Schedules as an author writes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from msgspec import Raw

from saga.authoring.definition import Definition
from saga.codec.codec import Misfit, Unreadable, encode_untyped
from saga.core.definition.names import NAME_RULE, is_name
from saga.core.duration import DURATION_MS_MAX, duration_ms
from saga.core.schedule.spec import CATCH_UPS, OVERLAPS, CatchUp, Overlap, ScheduleSpec
from saga.core.schedule.timetable import Timetable
from saga.core.text import shown_value
from saga.errors import DefinitionError, UsageError

JITTER_MS_MAX: Final = 86_400_000


@dataclass(frozen=True)
class Schedule:
    """Starts a saga at each of its moments: `await sagas.schedules.put(Schedule("nightly", report, cron="0 2 * * *"))`.

    Give one of `cron`, `every` and `at`:

    - `cron="0 2 * * *"`: five fields, in the local time of `zone`. A time that the clocks jump over comes once, at the end of the jump;
      one that comes twice counts once. Expressions with every hour or every few minutes go on in real time.
    - `every="15m"`: up to hours, in real time, counted from `start` or from midnight UTC. `every="1 day"`, `"2 weeks"`, `"1 month"`,
      `"1 year"`: at the local time of `start`, and on the last day of a month that is too short.
    - `at="2026-12-24T18:00"`: once.

    A moment counts once, whichever process starts its saga: the start key is made of the schedule's name and the moment. If the input of
    the definition has a field `moment` that `input` leaves out, it gets the moment, as a time with its offset.

    `version`: of the definition; without it, the newest activated one at each moment. `start`, `until`: the first and the last local time
    that count. `jitter`: each saga is started up to this much later, evenly spread.
    `overlap`: what happens at a moment while the saga of the one before has not ended. "skip": the moment is missed; "start": both run;
    "wait": its saga starts afterwards; "replace": the one before is rolled back first.
    `catch_up`: which of the moments that passed while nobody led are started afterwards: the "last", "all", or "none" (those of the last
    minute excepted). None that is longer ago than `within`. A moment for which nothing is started is recorded as missed.

    Raises:
        DefinitionError: the schedule cannot be kept; it names the field.
    """

    name: str
    definition: Definition[Any] | str
    input: Any = None
    cron: str | None = None
    every: str | None = None
    at: str | None = None
    zone: str = "UTC"
    start: str | None = None
    until: str | None = None
    jitter: str | None = None
    overlap: Overlap = "skip"
    catch_up: CatchUp = "last"
    within: str | None = None
    version: int | None = None
    tags: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise DefinitionError(f"schedule {shown_value(self.name)}: a name has {NAME_RULE}")
        self._check_choice("overlap", OVERLAPS)
        self._check_choice("catch_up", CATCH_UPS)
        self._check_duration("jitter", JITTER_MS_MAX)
        self._check_duration("within", DURATION_MS_MAX)
        try:
            self._timetable().check()
        except UsageError as error:
            raise self._refused(str(error)) from error

    def spec(self) -> ScheduleSpec:
        """The schedule as it is stored. Raises DefinitionError: the input has no JSON form."""
        definition = self.definition
        try:
            data = encode_untyped(self.input)
        except (Misfit, Unreadable) as error:
            raise self._refused(f"input: {error}") from error
        return ScheduleSpec(
            definition=definition if isinstance(definition, str) else definition.name,
            when=self._timetable(),
            version=self.version or (None if isinstance(definition, str) else definition.version),
            input=Raw(data),
            tags=dict(self.tags or {}),
            jitter=self.jitter,
            overlap=self.overlap,
            catch_up=self.catch_up,
            within=self.within,
        )

    def _timetable(self) -> Timetable:
        return Timetable(
            zone=self.zone, cron=self.cron, every=self.every, at=self.at, start=self.start, until=self.until
        )

    def _check_choice(self, field: str, choices: tuple[str, ...]) -> None:
        if (value := getattr(self, field)) not in choices:
            raise self._refused(f"{field}={shown_value(value)} is not one of {', '.join(choices)}")

    def _check_duration(self, field: str, longest: int) -> None:
        if (value := getattr(self, field)) is None:
            return
        try:
            milliseconds = duration_ms(value)
        except UsageError as error:
            raise self._refused(f"{field}: {error}") from error
        if not 0 < milliseconds <= longest:
            raise self._refused(f"{field}={shown_value(value)} is not between 1 ms and {longest // 86_400_000} days")

    def _refused(self, reason: str) -> DefinitionError:
        return DefinitionError(f"schedule {self.name}: {reason}")
