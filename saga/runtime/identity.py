"""The number of this process in the list of members, and the claim numbers made from it."""

from __future__ import annotations

from typing import Final

CLAIMS_MAX: Final = 1 << 32
"""Claim numbers that belong to one process. It takes weeks to use them up, and then begins with the first one again."""


class ProcessIdentity:
    """`number` is 0 until the process has joined; a process that joins again gets a new one."""

    def __init__(self) -> None:
        self.number: int = 0
        self._claims = 0

    def enter(self, number: int) -> None:
        """Uses the number that the store has assigned."""
        self.number = number
        self._claims = 0

    def next_claim(self) -> int:
        """A claim number that was never used."""
        return self.reserve_claims(1) + 1

    def reserve_claims(self, count: int) -> int:
        """Reserves claim numbers: the `count` numbers after the one returned."""
        if self._claims + count >= CLAIMS_MAX:
            self._claims = 0
        first = self.number * CLAIMS_MAX + self._claims
        self._claims += count
        return first
