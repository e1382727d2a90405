"""The progress of reading a shard. Records are acknowledged in any order; a saved checkpoint never covers an open record."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable


class SequenceTracker:
    """Tracks the checkpoint: the highest sequence number up to which everything is acknowledged, and those beyond it.

    `position` is the last record that was read, `changes` grows with each acknowledgement.
    """

    def __init__(self, checkpoint: int | None = None, beyond: Iterable[int] = ()) -> None:
        self.checkpoint = checkpoint
        self.position = checkpoint
        self.changes = 0
        self._open: deque[int] = deque()
        self._done = set(beyond)

    @property
    def unacknowledged(self) -> int:
        """The number of records that were read and are not covered by the checkpoint."""
        return len(self._open)

    @property
    def beyond(self) -> list[int]:
        """Sequence numbers that are acknowledged although an earlier one is not."""
        return sorted(self._done)

    def try_begin(self, sequence: int) -> bool:
        """Notes a fetched record. Returns False if it must not be delivered: an earlier reader acknowledged it."""
        self.position = sequence
        self._open.append(sequence)
        if sequence not in self._done:
            return True
        self._advance()
        return False

    def acknowledge(self, sequence: int) -> None:
        """Marks a record as done. Harmless if repeated."""
        if self.checkpoint is not None and sequence <= self.checkpoint:
            return
        self._done.add(sequence)
        self._advance()

    def _advance(self) -> None:
        self.changes += 1
        while self._open and self._open[0] in self._done:
            self.checkpoint = self._open.popleft()
            self._done.remove(self.checkpoint)
