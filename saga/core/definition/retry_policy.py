"""The retry policy of a step, as a definition stores it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FAILURES_COUNTED_MAX: Final = 32_767
"""Maximum number of failures that a command counts: from there on the counter stays as it is."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Percentages and milliseconds, because the canonical form has no fractions.

    The pause before attempt n + 1 is `first * factor ** (n - 1)`, at most `cap`, made longer or shorter by up to `jitter`.
    `attempts` None: no limit except `give_up_after` and the saga's deadline or compensation budget.
    """

    attempts: int | None
    first_ms: int
    cap_ms: int
    factor_percent: int
    jitter_percent: int
    give_up_after_ms: int | None

    def pause_seconds(self, failures: int, jitter: float) -> float:
        """Returns the pause after that many failures; `jitter` is in [0, 1)."""
        exponent = min(failures - 1, 60)
        pause_ms = min(self.first_ms * (self.factor_percent / 100) ** exponent, self.cap_ms)
        return pause_ms / 1000 * (1 + (2 * jitter - 1) * self.jitter_percent / 100)

    def is_exhausted(self, failures: int) -> bool:
        return self.attempts is not None and failures >= min(self.attempts, FAILURES_COUNTED_MAX)


DEFAULT_RETRY: Final = RetryPolicy(
    attempts=10, first_ms=200, cap_ms=30_000, factor_percent=200, jitter_percent=20, give_up_after_ms=None
)
"""The policy of a transactional or journaled step whose author sets none."""
