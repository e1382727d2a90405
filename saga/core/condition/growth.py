"""Bounds how large a value can become while a condition is evaluated. The library counts iterations, not bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from saga.core.condition.paths_read import tokens_of

_OPENING: Final = frozenset("([{")
_CLOSING: Final = frozenset(")]}")
_ALTERNATIVES: Final = frozenset(("&&", "||", "in", *"?:=!<>-*/%"))
"""Between them, no value is made of both sides: these are true or false, numbers, or one of the two."""


def growth(text: str) -> int:
    """Returns how many values that a sound condition reads can be part of one value that it makes: 3 for `a + a + a`.

    Macros multiply: in `l.map(a, a + a).map(b, [b, b])` each is applied to what the one before has made.
    """
    return _growth(word for _, word in tokens_of(text))


def _growth(words: Iterator[str]) -> int:
    """The growth of what is in the bracket that is open, whose end is read as well."""
    entries, alternative, terms, factor = 0, 0, 0, 1
    for word in words:
        if word in _OPENING:
            factor *= _growth(words)
        elif word == "+":
            terms, factor = terms + factor, 1
        elif word in _ALTERNATIVES:
            alternative, terms, factor = max(alternative, terms + factor), 0, 1
        elif word == ",":
            entries, alternative, terms, factor = entries + max(alternative, terms + factor), 0, 0, 1
        elif word in _CLOSING:
            break
    return entries + max(alternative, terms + factor)
