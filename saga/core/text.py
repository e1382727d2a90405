"""Text from outside, made fit for the store: what a handler says may be any object, of any size."""

from __future__ import annotations

import re
from typing import Final

TEXT_CHARS_MAX: Final = 500
"""Characters of a reason or an error that are stored; a longer one is cut off."""
DOES_NOT_FIT: Final = "does not fit: "
"""Part of the error of an attempt whose input, or recorded result, its handler cannot read; the fields that do not fit follow."""
VALUE_CHARS_MAX: Final = 40
"""Characters of a refused value that a message shows."""

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")  # no database stores them in a text
INVISIBLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that act on a terminal instead of being shown, and halves of surrogate pairs."""


def storable(value: object, chars_max: int = TEXT_CHARS_MAX) -> str:
    """The text of a value, as every store can write it: NUL and unpaired surrogates are written as escapes, the rest is cut off.

    Never raises: a value that has no text is named by its class.
    """
    text = _cut(_text(value), chars_max)
    if not _UNSTORABLE.search(text):
        return text
    return _cut(_UNSTORABLE.sub(lambda found: ascii(found[0])[1:-1], text), chars_max)


def named(error: BaseException) -> str:
    """The class of an exception and its message. Never raises."""
    message = storable(error)
    return f"{class_name(error)}: {message}" if message else class_name(error)


def shown_value(value: object, chars_max: int = VALUE_CHARS_MAX) -> str:
    """The beginning of a value as Python writes it, for the message that refuses it. Never raises."""
    try:
        return _cut(repr(value), chars_max)
    except Exception:  # noqa: BLE001 (a whole number of thousands of digits, or a class of the user)
        return "..."


def ascii_text(text: str) -> str:
    """The text with escapes for all that is not ASCII: every encoding of a database has ASCII."""
    return text.encode("ascii", "backslashreplace").decode()


def visible(text: str) -> str:
    """The text in one line that a terminal shows as it is: what would move its cursor, colour it or turn it round is an escape."""
    return INVISIBLE.sub(lambda found: ascii(found[0])[1:-1], text)


def visible_lines(text: str) -> str:
    """The same for a text of several lines, which stay lines."""
    return "\n".join(map(visible, text.split("\n")))


def _cut(text: str, chars_max: int) -> str:
    return text if len(text) <= chars_max else f"{text[: chars_max - 1]}…"


def _text(value: object) -> str:
    try:
        return "".join((str(value),))  # a plain str, also of a subclass with methods of its own
    except BaseException:  # noqa: BLE001 (`__str__` is the user's code; whatever it raises, the outcome must be recorded)
        return f"{class_name(value)} without a text"


def class_name(value: object) -> str:
    """The name of a value's class, whatever its metaclass does."""
    return "".join((type.__dict__["__name__"].__get__(type(value)),))
