"""Text from outside, made fit for the store: what a handler says may be any object, of any size."""

from __future__ import annotations

import re
from typing import Final

TEXT_CHARS_MAX: Final = 500
"""Characters of a reason or an error that are stored; a longer one is cut off."""

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")  # no database stores them in a text


def storable(value: object, chars_max: int = TEXT_CHARS_MAX) -> str:
    """The text of a value, as every store can write it: NUL and unpaired surrogates are written as escapes, the rest is cut off.

    Never raises: a value that has no text is named by its class.
    """
    text = _cut(_text(value), chars_max)
    if not _UNSTORABLE.search(text):
        return text
    return _cut(_UNSTORABLE.sub(lambda found: ascii(found[0])[1:-1], text), chars_max)


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
