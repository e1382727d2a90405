"""A query, taken apart: terms that all have to hold, each with values of which one has to fit."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

_COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_PLAIN: Final = re.compile(r'[^\s",\\]+')


@dataclass(frozen=True)
class Value:
    """A value of a term. `number`: what is compared; None: the text is. `*` in a text stands for any characters.

    `is_part`: a text fits that contains this one, in upper or lower case.
    """

    text: str
    comparison: str = ""
    number: float | None = None
    is_part: bool = False

    def fits(self, found: str | float) -> bool:
        if self.number is not None and not isinstance(found, str):
            return _COMPARISONS[self.comparison](found, self.number)
        return self._pattern.fullmatch(str(found)) is not None

    @property
    def is_exact(self) -> bool:
        """True if the text stands for itself alone."""
        return "*" not in self.text and not self.is_part

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        parts = [re.escape(part) for part in self.text.split("*")]
        if self.is_part:
            parts = ["", *parts, ""]
        first, *others = parts
        if not others:
            return re.compile(first, re.DOTALL)
        # Each part is taken where it occurs first, for good: an ordinary `.*` tries all places, which takes minutes with a few of them
        between = "".join(f"(?>.*?{part})" for part in others[:-1])
        return re.compile(f"{first}{between}.*{others[-1]}", re.DOTALL | (re.IGNORECASE if self.is_part else 0))

    def __str__(self) -> str:
        return self.comparison + quoted(self.text)


@dataclass(frozen=True, slots=True)
class Term:
    """`name:value,value`, or `name.argument:value`. `is_negated`: none of the values may fit."""

    name: str
    argument: str | None
    values: tuple[Value, ...]
    is_negated: bool = False

    def holds(self, found: Iterable[str | float]) -> bool:
        """Tells whether the term holds for a saga in which this was found."""
        return any(value.fits(one) for one in found for value in self.values) is not self.is_negated

    def texts(self) -> frozenset[str]:
        return frozenset(value.text for value in self.values)

    def __str__(self) -> str:
        argument = "" if self.argument is None else f".{quoted(self.argument, also=':.')}"
        return f"{'-' * self.is_negated}{self.name}{argument}:{','.join(map(str, self.values))}"


@dataclass(frozen=True, slots=True)
class Query:
    """All terms have to hold. A query without terms finds every saga."""

    terms: tuple[Term, ...] = ()

    def positive(self, name: str) -> list[Term]:
        """The terms of this name that are not negated."""
        return [term for term in self.terms if term.name == name and not term.is_negated]

    def has(self, *names: str) -> bool:
        return any(term.name in names for term in self.terms)

    def __str__(self) -> str:
        return " ".join(map(str, self.terms))


def quoted(text: str, also: str = "<>=") -> str:
    """The text as a query has it, in quotation marks where that is needed."""
    if _PLAIN.fullmatch(text) and not any(character in also for character in text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
