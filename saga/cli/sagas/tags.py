"""Tags as the command line writes them: NAME=VALUE."""

from __future__ import annotations

from saga.errors import UsageError


def tags_of(pairs: list[str] | None) -> dict[str, str] | None:
    """Returns the tags by name; None if there is none. Raises UsageError."""
    pairs = pairs or []
    bad = next((pair for pair in pairs if "=" not in pair), None)
    if bad is not None:
        raise UsageError(f"--tag {bad}: write NAME=VALUE")
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)} or None
