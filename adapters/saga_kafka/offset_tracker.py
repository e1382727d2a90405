"""The progress of a group in a partition: the offset up to which everything is done, and what is done beyond it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

NOTE_CHARS_MAX: Final = 3_000  # brokers keep 4,096 bytes with a commit
_FORM: Final = "saga1"


@dataclass(frozen=True, slots=True)
class Note:
    """The metadata of a commit: up to `end`, everything is done except these ranges (first, one past the last)."""

    end: int = 0
    still_open: tuple[tuple[int, int], ...] = ()

    def is_done(self, offset: int) -> bool:
        return offset < self.end and not any(first <= offset < end for first, end in self.still_open)

    @classmethod
    def read(cls, text: str, watermark: int) -> Self:
        """Reads the note of a commit at `watermark`; an empty note if another program wrote the text."""
        form, _, rest = text.partition(" ")
        if form != _FORM:
            return cls()
        try:
            length, _, ranges = rest.partition(" ")
            pairs = [one.split("-") for one in ranges.split(",") if one]
            still_open = tuple((watermark + int(first), watermark + int(behind)) for first, behind in pairs)
            return cls(watermark + int(length), still_open)
        except ValueError:
            return cls()


class OffsetTracker:
    """The offsets of one partition that are in progress, in ascending order. They finish in any order."""

    def __init__(self, start: int, note: Note) -> None:
        self._note = note
        self._open: dict[int, None] = {}
        self._done_end = note.end
        self.end = start

    def try_begin(self, offset: int) -> bool:
        """Notes a fetched offset. Returns False if it must not be delivered: it was done before the last commit."""
        self.end = offset + 1
        if offset < self._note.end and self._note.is_done(offset):
            return False
        self._open[offset] = None
        return True

    def finish(self, offset: int) -> None:
        self._open.pop(offset, None)
        self._done_end = max(self._done_end, offset + 1)

    @property
    def watermark(self) -> int:
        """The offset to continue at after a restart: everything before it is done."""
        return next(iter(self._open), self.end)

    def note(self) -> str:
        """A note of what is done beyond the watermark, in at most NOTE_CHARS_MAX characters. What does not fit is delivered again."""
        watermark, end = self.watermark, self._done_end
        if end <= watermark:
            return ""
        ranges, chars = list[str](), 0
        for first, behind in _ranges([offset for offset in self._open if offset < end]) + self._unread(end):
            text = f"{first - watermark}-{behind - watermark}"
            chars += len(text) + 1
            if chars > NOTE_CHARS_MAX:
                end = first
                break
            ranges.append(text)
        return f"{_FORM} {end - watermark} {','.join(ranges)}"

    def _unread(self, end: int) -> list[tuple[int, int]]:
        """The ranges that an earlier note left open and that were not fetched again yet."""
        ranges = [(max(first, self.end), min(behind, end)) for first, behind in self._note.still_open]
        return [(first, behind) for first, behind in ranges if first < behind]


def _ranges(offsets: list[int]) -> list[tuple[int, int]]:
    """Ascending offsets as ranges (first, one past the last)."""
    ranges: list[tuple[int, int]] = []
    for offset in offsets:
        if ranges and ranges[-1][1] == offset:
            ranges[-1] = (ranges[-1][0], offset + 1)
        else:
            ranges.append((offset, offset + 1))
    return ranges
