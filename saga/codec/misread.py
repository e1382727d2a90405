"""Compares a value with what was read of it, and says in words what differs."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from saga.codec.unwritable import parts


def misread(written: object, read: object, place: str = "") -> str | None:
    """Returns the first difference, with its place and without showing a value; None if both are equal and of one type."""
    name = place or "value"
    if type(written) is not type(read):
        return f"{name}: its type is {_kind(written)}, and it is read back as {_kind(read)}"
    if _is_equal(written, read) or _is_same_moment(written, read):
        return None
    if not isinstance(written, AbstractSet):
        before, after = parts(written), parts(read)
        for key in before:
            below = f"{place}.{key}".lstrip(".")
            if key not in after:
                return f"{below}: it is lost when it is written"
            if fault := misread(before[key], after[key], below):
                return fault
        if len(after) == len(before) and (type(written).__eq__ is object.__eq__ or _holds_moments(written, read)):
            return None
    return f"{name}: it is read back as another value"


def _is_equal(written: object, read: object) -> bool:
    try:
        return bool(written == read)
    except Exception:  # noqa: BLE001 (a comparison of the user's: it may raise anything)
        return False


def _is_same_moment(written: object, read: object) -> bool:
    """Compares two datetimes by their offsets. `==` is false between time zones in the hours that one of them repeats or skips."""
    if not isinstance(written, datetime) or not isinstance(read, datetime):
        return False
    has_offsets = written.utcoffset() is not None and read.utcoffset() is not None
    return has_offsets and written - read == timedelta(0)


def _holds_moments(written: object, read: object) -> bool:
    """Returns whether `==` is false because of a datetime in both that is the same moment."""
    if isinstance(written, datetime):
        return _is_same_moment(written, read)
    before, after = parts(written), parts(read)
    return any(not _is_equal(before[key], after[key]) and _holds_moments(before[key], after[key]) for key in before)


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__
