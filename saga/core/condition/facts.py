"""The recorded input and results of a saga, as far as a decision may need them for conditions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

THE_INPUT: Final = -1
"""Stands for the saga's input where the position of a step stands for its result."""
_NO_RESULTS: Final[Mapping[int, bytes | None]] = MappingProxyType({})


class FactsMissingError(Exception):
    """A condition needs the saga's input or a result that the caller of `decide` did not give: read them, and decide again."""


class Facts(Struct, frozen=True):
    """The input of a saga and the results of its steps by position, as JSON. A result of None is JSON's null."""

    input: bytes | None = None
    results: Mapping[int, bytes | None] = _NO_RESULTS


NO_FACTS: Final = Facts()
