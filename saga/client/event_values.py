"""The values of an event: its payload and its id, checked and encoded."""

from __future__ import annotations

from typing import Final

from saga.codec.codec import Misfit, Unreadable, Value, encode_untyped
from saga.errors import InputRefused, UsageError
from saga.ports.inbox import InboxEvent

EVENT_ID_CHARS_MAX: Final = 200
PAYLOAD_BYTES_MAX: Final = 256 * 1024


def encoded(what: str, value: Value) -> bytes:
    """A value as JSON. `what` names it in errors. Raises InputRefused."""
    try:
        data = encode_untyped(value)
    except Misfit as error:
        raise InputRefused(f"{what} does not fit: {error}") from error
    except Unreadable as error:
        raise InputRefused(f"{what} cannot be read back: {error}") from error
    if len(data) > PAYLOAD_BYTES_MAX:
        raise InputRefused(
            f"{what} has {len(data):,} bytes, more than {PAYLOAD_BYTES_MAX:,}: store it elsewhere and send its address"
        )
    return data


def event_of(name: str, payload: Value, event: str) -> InboxEvent:
    """An event with this payload, which has to be JSON. Raises InputRefused, UsageError."""
    data = encoded(f"the event {name}", payload)
    if not 1 <= len(event) <= EVENT_ID_CHARS_MAX or "\0" in event or not event.isprintable():
        raise UsageError(
            f"the id of an event has 1 to {EVENT_ID_CHARS_MAX} printable characters, not {ascii(event)[:80]}"
        )
    return InboxEvent(event, name, data)
