"""Cursors of histories: opaque texts that name a place."""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

from saga.errors import UsageError
from saga.ports.saga_detail import HistoryPlace

_FORM: Final = struct.Struct(">dii")


def cursor_of(place: HistoryPlace) -> str:
    return urlsafe_b64encode(_FORM.pack(*place)).decode().rstrip("=")


def place_in(cursor: str | None) -> HistoryPlace | None:
    """Raises UsageError."""
    if cursor is None:
        return None
    try:
        return HistoryPlace(*_FORM.unpack(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))))
    except (ValueError, struct.error):
        raise UsageError("this is not a cursor: take it from the answer before") from None
