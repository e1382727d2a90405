"""The library of the extra `saga-coordination[client]`, which the rest of Saga does without."""

from __future__ import annotations

from importlib.util import find_spec

from saga.errors import MissingDriver


def check_installed() -> None:
    """Raises MissingDriver if the library is missing."""
    if find_spec("httpx") is None:
        raise MissingDriver(
            "connect(api=...) needs the library httpx, which is not installed. Run: pip install 'saga-coordination[client]'"
        )
