"""Times in documents: a number in the output of commands, RFC 3339 in the API. Both come from the same document."""

from __future__ import annotations

from datetime import UTC, datetime

from saga.core.definition.json_value import Json


class Instant(float):
    """A point in time, in seconds since the epoch on the store's clock."""

    __slots__ = ()

    def text(self) -> str:
        """The time in UTC as RFC 3339, to the millisecond."""
        seconds, millis = divmod(int(self * 1000), 1000)
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{millis:03d}Z"


def instant(at: float | None) -> Instant | None:
    return None if at is None else Instant(at)


def with_texts(document: Json) -> Json:
    """The same document with its times as texts."""
    if isinstance(document, Instant):
        return document.text()
    if isinstance(document, dict):
        return {name: with_texts(value) for name, value in document.items()}
    if isinstance(document, list | tuple):
        return [with_texts(value) for value in document]
    return document
