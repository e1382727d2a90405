"""Suggests the nearest of the names that exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Returns a question such as "Did you mean pay?", or nothing if no name is near."""
    close = difflib.get_close_matches(name, sorted(names), n=1)
    return f"Did you mean {close[0]}?" if close else ""


def with_nearest(reason: str, name: str, names: Iterable[str]) -> str:
    """Returns a reason without a full stop, followed by the question for the nearest name if one is near."""
    suggestion = did_you_mean(name, names)
    return f"{reason}. {suggestion}" if suggestion else reason
