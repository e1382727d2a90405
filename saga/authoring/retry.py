"""Retry policies as the author of a definition writes them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from saga.core.check.limits import ATTEMPTS_MAX, FACTOR_PERCENT_MAX
from saga.core.definition.retry_policy import DEFAULT_RETRY, RetryPolicy
from saga.core.duration import Duration, duration_ms
from saga.core.text import shown_value
from saga.errors import DefinitionError, UsageError

COMPENSATION_ATTEMPTS: Final = None  # the compensation budget is the limit


@dataclass(frozen=True, slots=True)
class DefaultAttempts:
    """The attempts of a step whose author sets no number, or None for no limit. `forward`: it can no longer be rolled back."""

    execute: int | None
    forward: int | None
    external: int | None
    external_forward: int | None

    def of(self, *, is_forward: bool, is_external: bool) -> int | None:
        """Returns the attempts of a step."""
        if is_external:
            return self.external_forward if is_forward else self.external
        return self.forward if is_forward else self.execute


DEFAULT_ATTEMPTS: Final = DefaultAttempts(
    execute=DEFAULT_RETRY.attempts, forward=20, external=None, external_forward=None
)
"""Ten attempts take more than a minute: a database is restarted in that time. A provider may be away for longer."""
FORMER_ATTEMPTS: Final = DefaultAttempts(execute=5, forward=20, external=5, external_forward=20)
"""The defaults of earlier builds. A version of a definition that one of them has registered keeps them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """When a technical failure is retried, and when it is given up.

    The pause before the second attempt is `first`; each further one is `factor` times as long, at most `cap`, and all
    are made up to `jitter` (0 to 1) longer or shorter. `give_up_after` counts from the first failure.

    `attempts` None means no limit but the saga's deadline or compensation budget. "auto" is None for an external step
    and for a compensation. For a transactional or journaled step it is 10, whose pauses take 81 s (65 s with the
    shortest jitter), or 20 if the step only goes forward (retriable, or behind the pivot), whose pauses take 381 s. An
    attempt that has not begun does not count: it waits for a connection, or another build must read its input.

    Raises:
        DefinitionError: an invalid value.
    """

    attempts: int | Literal["auto"] | None = "auto"
    first: Duration = "200ms"
    cap: Duration = "30s"
    factor: float = 2.0
    jitter: float = 0.2
    give_up_after: Duration | None = None

    def __post_init__(self) -> None:
        if self.attempts is not None and self.attempts != "auto" and not _is_count(self.attempts):
            raise self._refused("attempts", f'a whole number from 1 to {ATTEMPTS_MAX}, None for no limit, or "auto"')
        if not (_is_number(self.jitter) and 0 <= self.jitter <= 1):
            raise self._refused("jitter", "a number between 0 and 1")
        if not (_is_number(self.factor) and 1 <= self.factor <= FACTOR_PERCENT_MAX / 100):
            raise self._refused("factor", f"a number between 1 and {FACTOR_PERCENT_MAX // 100}")
        first_ms, cap_ms = self._ms("first"), self._ms("cap")
        if cap_ms < first_ms:
            raise self._refused("cap", f"not below first={self.first!r}")
        if self.give_up_after is not None and self._ms("give_up_after") == 0:
            raise self._refused("give_up_after", "above zero, or None")
        self._percent("factor")
        self._percent("jitter")

    def policy(self, automatic_attempts: int | None) -> RetryPolicy:
        """Returns the policy as data, with `automatic_attempts` for "auto"."""
        return RetryPolicy(
            attempts=automatic_attempts if isinstance(self.attempts, str) else self.attempts,
            first_ms=self._ms("first"),
            cap_ms=self._ms("cap"),
            factor_percent=self._percent("factor"),
            jitter_percent=self._percent("jitter"),
            give_up_after_ms=None if self.give_up_after is None else self._ms("give_up_after"),
        )

    def _ms(self, field: str) -> int:
        try:
            return duration_ms(getattr(self, field))
        except UsageError as error:
            raise DefinitionError(f"Retry({field}=...): {error}") from error

    def _percent(self, field: str) -> int:
        percent = float(getattr(self, field)) * 100
        if not math.isclose(percent, round(percent), rel_tol=0, abs_tol=1e-6):
            raise self._refused(field, "a number with at most two decimals")
        return round(percent)

    def _refused(self, field: str, rule: str) -> DefinitionError:
        return DefinitionError(f"Retry({field}={shown_value(getattr(self, field))}): it must be {rule}.")


def _is_count(value: object) -> bool:
    return type(value) is int and 1 <= value <= ATTEMPTS_MAX


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
