"""The place of a client in the history of a saga: the id of the last event that it has received."""

from __future__ import annotations

import re
from typing import Final

from saga.errors import UsageError
from saga.ports.saga_detail import HistoryLine

OVERLAP_SECONDS: Final = 60.0
"""A line without a version may become visible this much later than its time says, after lines with later times."""
KEYS_MAX: Final = 16
"""Maximum number of lines without a version that an id names; older ones count as received."""
_FORM: Final = re.compile(r"(\d{1,10})\.(\d{1,10})(?:~([0-9a-f]{1,16}\.\d{1,10}(?:,[0-9a-f]{1,16}\.\d{1,10})*))?")
Key = tuple[int, int]


class Place:
    """The lines that a client has received.

    A transition has a version, and the versions of a saga become visible in their order: the newest one tells of all before. A line
    that changes no row, such as a failure, does not have one: of these the last minute is remembered by time and number.
    """

    def __init__(self) -> None:
        self.version: int = 0
        self._n = 0
        self._keys: list[Key] = []

    @classmethod
    def read(cls, text: str) -> Place:
        """The place that an id names. Raises UsageError."""
        found = _FORM.fullmatch(text)
        if found is None:
            raise UsageError("this is not the id of an event: send the last id as it was received, or none")
        place = cls()
        place.version, place._n = int(found[1]), int(found[2])
        pairs = [key.split(".") for key in (found[3] or "").split(",") if key]
        place._keys = sorted((int(at, 16), int(n)) for at, n in pairs)
        return place

    @classmethod
    def behind(cls, lines: tuple[HistoryLine, ...]) -> Place:
        """The place of a client that has received these lines."""
        place = cls()
        for position in place.missing(lines):
            place.add(lines[position])
        return place

    def has(self, line: HistoryLine) -> bool:
        """Tells whether the client has received the line."""
        if line.version is not None:
            return (line.version, line.n) <= (self.version, self._n)
        return _key(line) in self._keys or _key(line)[0] < self._floor()

    def add(self, line: HistoryLine) -> None:
        """The client receives the line: those with versions in the order of these."""
        if line.version is not None:
            self.version = line.version
            self._n = line.n
            return
        keys = sorted({*self._keys, _key(line)})
        self._keys = [key for key in keys if key[0] >= keys[-1][0] - OVERLAP_SECONDS * 1e6][-KEYS_MAX:]

    def missing(self, lines: tuple[HistoryLine, ...]) -> list[int]:
        """The positions of the lines that the client lacks, in the order in which it gets them."""
        wanted = [place for place, line in enumerate(lines) if not self.has(line)]
        return sorted(wanted, key=lambda place: _order(lines[place]))

    def is_dropped(self, lines: tuple[HistoryLine, ...]) -> bool:
        """Tells whether lines behind this place were deleted before the client received them, or the history is another one."""
        versions = [line.version for line in lines if line.version is not None]
        return bool(self.version) and (not versions or min(versions) > self.version + 1 or max(versions) < self.version)

    def __str__(self) -> str:
        keys = ",".join(f"{at:x}.{n}" for at, n in self._keys)
        return f"{self.version}.{self._n}" + (f"~{keys}" if keys else "")

    def _floor(self) -> float:
        if not self._keys:
            return 0
        newest, oldest = self._keys[-1][0], self._keys[0][0]
        return oldest if len(self._keys) == KEYS_MAX else newest - OVERLAP_SECONDS * 1e6


def _key(line: HistoryLine) -> Key:
    return round(line.at * 1e6), line.n


def _order(line: HistoryLine) -> tuple[bool, int, float, int]:
    return line.version is None, line.version or 0, line.at, line.n
