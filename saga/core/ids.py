"""Identifiers. A saga's id carries the time of its start; the keys of a step are derived from the saga's id."""

from __future__ import annotations

from typing import Final
from uuid import UUID, uuid5

from saga.core.state.operation import Operation
from saga.errors import UsageError

RANDOM_BYTES: Final = 10  # 74 of these bits go into a UUIDv7
TIME_MS_MAX: Final = (1 << 48) - 1

# Never change it: providers remember the keys of calls made years ago.
_KEY_NAMESPACE: Final = UUID("5a6a0f0e-6b1c-5f0b-9d0a-73616761696b")

_VERSION_7: Final = 0x7 << 76
_VARIANT: Final = 0b10 << 62
_RAND_A_MASK: Final = 0xFFF
_RAND_B_MASK: Final = (1 << 62) - 1


def uuid7(now_ms: int, randomness: bytes) -> UUID:
    """Makes a UUIDv7 (RFC 9562) from a time in milliseconds since the epoch and RANDOM_BYTES random bytes.

    Raises:
        UsageError: the time does not fit 48 bits, or the number of bytes is wrong.
    """
    if not 0 <= now_ms <= TIME_MS_MAX:
        raise UsageError(f"{now_ms} ms since the epoch does not fit a UUIDv7: it holds 0 to {TIME_MS_MAX}.")
    if len(randomness) != RANDOM_BYTES:
        raise UsageError(f"a UUIDv7 is made of {RANDOM_BYTES} random bytes, not {len(randomness)}.")
    noise = int.from_bytes(randomness, "big")
    rand_a = (noise >> 62) & _RAND_A_MASK
    return UUID(int=now_ms << 80 | _VERSION_7 | rand_a << 64 | _VARIANT | noise & _RAND_B_MASK)


def uuid7_ms(identifier: UUID) -> int:
    """Returns the time that a UUIDv7 carries, in milliseconds since the epoch.

    Raises:
        UsageError: the UUID has another version.
    """
    if identifier.version != 7:  # noqa: PLR2004 (the version has no better name than its number)
        raise UsageError(f"{identifier} carries no time: it is not a UUIDv7.")
    return identifier.int >> 80


def step_path(name: str, indexes: tuple[int, ...]) -> str:
    """Names one occurrence of a step: its name, then its fan-out index or loop turn at each level, outermost first."""
    return "/".join((name, *map(str, indexes)))


def idempotency_key(saga_id: UUID, path: str, operation: Operation) -> UUID:
    """Derives the one key under which a step's effect, or its compensation, is requested (G20, G21).

    It depends on the saga, the occurrence of the step and the direction; never on the attempt or on the handler's
    version.
    """
    return uuid5(_KEY_NAMESPACE, f"{saga_id}/{path}/{operation.value}")
