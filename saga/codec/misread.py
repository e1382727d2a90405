"""Compares a value with what was read of it, and says in words what differs."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from saga.codec.unwritable import parts


def misread(written: object, read: object, place: str = "") -> str | None:
    """Returns the first difference, with its place and without showing a value; None if both are equal and of one type."""
    name = place or "value"
    if type(written) is not type(read):
        return f"{name}: its type is {_kind(written)}, and it is read back as {_kind(read)}"
    if _is_equal(written, read):
        return None
    if not isinstance(written, AbstractSet):
        before, after = parts(written), parts(read)
        for key in before:
            below = f"{place}.{key}".lstrip(".")
            if key not in after:
                return f"{below}: it is lost when it is written"
            if fault := misread(before[key], after[key], below):
                return fault
        if len(after) == len(before) and type(written).__eq__ is object.__eq__:
            return None
    return f"{name}: it is read back as another value"


def _is_equal(written: object, read: object) -> bool:
    try:
        return bool(written == read)
    except Exception:  # noqa: BLE001 (a comparison of the user's: it may raise anything)
        return False


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__
