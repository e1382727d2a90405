"""The recorded input and results of a saga, as far as a decision may need them for conditions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from msgspec.json import decode

from saga.core.definition.json_value import Json

_NO_RESULTS: Final[Mapping[int, bytes | None]] = MappingProxyType({})


class FactsMissingError(Exception):
    """A condition needs the saga's input or a result that the caller of `decide` did not give: read them, and decide again."""


class Facts(Struct, frozen=True):
    """The input of a saga and the results of its steps by position, as JSON. A result of None is JSON's null."""

    input: bytes | None = None
    results: Mapping[int, bytes | None] = _NO_RESULTS

    def read_input(self) -> Json:
        """The input. Raises FactsMissingError."""
        if self.input is None:
            raise FactsMissingError
        return decode(self.input)

    def read_result(self, step: int) -> Json:
        """The result of a step that has succeeded or was handled. Raises FactsMissingError."""
        if step not in self.results:
            raise FactsMissingError
        value = self.results[step]
        return None if value is None else decode(value)


NO_FACTS: Final = Facts()
