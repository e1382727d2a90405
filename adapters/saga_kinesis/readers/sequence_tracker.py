"""How far the reading of a shard is: records are acknowledged in any order, and what is saved never promises too much."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable


class SequenceTracker:
    """The checkpoint of a shard: the highest sequence number up to which everything is acknowledged, and what is beyond it.

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
        """Records that were read and are not behind the checkpoint."""
        return len(self._open)

    @property
    def beyond(self) -> list[int]:
        """What is acknowledged although something before it is not."""
        return sorted(self._done)

    def read(self, sequence: int) -> bool:
        """A record came; whether somebody has to handle it. Others may have acknowledged it before us."""
        self.position = sequence
        self._open.append(sequence)
        if sequence not in self._done:
            return True
        self._advance()
        return False

    def acknowledge(self, sequence: int) -> None:
        """A record is done with. Twice is harmless."""
        if self.checkpoint is not None and sequence <= self.checkpoint:
            return
        self._done.add(sequence)
        self._advance()

    def _advance(self) -> None:
        self.changes += 1
        while self._open and self._open[0] in self._done:
            self.checkpoint = self._open.popleft()
            self._done.remove(self.checkpoint)
