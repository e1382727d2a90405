"""A type that is known from a JSON Schema: its alternatives, its parts, and whether values of another type may fit it.

Only certain misfits are found. Unknown keywords, and types without a schema, fit everything.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from saga.core.definition.json_value import Json
from saga.core.definition.paths import Segment
from saga.core.definition.schema import DEPTH_MAX

_REFERENCE: Final = "#/$defs/"
_CONVERTED: Final = {
    ("integer", "number"), ("number", "integer"), ("boolean", "integer"), ("boolean", "number"),
    ("integer", "boolean"), ("number", "boolean"),
}  # fmt: skip
"""Pairs of types of which pydantic reads some or all values of the first as the second."""
_FROM_TEXT: Final = {"integer", "number", "boolean"}
ANY_KEY: Final = "[any key]"
"""The place of the values of an object whose keys are not known."""
_NUMBERS: Final = {"integer", "number"}
_TEXTS_WITH_A_MEANING: Final = {"pattern", "format", "enum", "const"}


Misfit = tuple[str, str]
"""The place within a value ("" for the value itself), and what is wrong there."""


@dataclass(frozen=True, slots=True)
class KnownType:
    """A JSON Schema, with the definitions of its document."""

    schema: Json
    definitions: Mapping[str, Json]

    @property
    def types(self) -> frozenset[str]:
        """The JSON types that its values have; empty if it does not say, or says it in several schemas at once."""
        said = () if "allOf" in self.schema else self.schema.get("type", ())
        return frozenset([said] if isinstance(said, str) else said)

    @property
    def properties(self) -> Mapping[str, Json]:
        """The schemas of the fields that it names."""
        found: Mapping[str, Json] = self.schema.get("properties", {})
        return found

    @property
    def is_closed(self) -> bool:
        """True for an object that has the named fields and no others, such as a model."""
        return "properties" in self.schema and not self.schema.get("additionalProperties")

    @property
    def required(self) -> tuple[str, ...]:
        """The fields that a value must have."""
        return tuple(self.schema.get("required", ()))

    def at(self, schema: Json) -> KnownType:
        """Another type of the same document."""
        return KnownType(schema, self.definitions)

    def alternatives(self, depth: int = DEPTH_MAX) -> list[KnownType]:
        """The members of a union, references resolved; the type itself if it is not a union."""
        schema = self.schema
        if not isinstance(schema, Mapping) or depth == 0:
            return [self.at({})]
        reference = schema.get("$ref", "")
        if reference.startswith(_REFERENCE):
            return self.at(self.definitions.get(reference.removeprefix(_REFERENCE), {})).alternatives(depth - 1)
        members = schema.get("anyOf") or schema.get("oneOf")
        if not members:
            return [self]
        return [each for member in members for each in self.at(member).alternatives(depth - 1)]

    def part(self, segment: Segment) -> KnownType | None:
        """The type of a field or an entry; None if values of this type, which is not a union, have no such part."""
        if not self.types:
            return self.at({})
        if "object" in self.types and isinstance(segment, str):
            if segment in self.properties:
                return self.at(self.properties[segment])
            return None if self.is_closed else self.at(self.schema.get("additionalProperties", {}))
        return self.entry(segment) if "array" in self.types and isinstance(segment, int) else None

    @property
    def entries(self) -> Sequence[Json]:
        """The schemas of the first entries of a list, where each has its own."""
        found: Sequence[Json] = self.schema.get("prefixItems", ())
        return found

    @property
    def entry_count(self) -> tuple[int, float]:
        """The least and the greatest number of entries of a list."""
        return self.schema.get("minItems", 0), self.schema.get("maxItems", math.inf)

    def entry(self, position: int) -> KnownType:
        """The type of one entry of a list."""
        known = position < len(self.entries)
        return self.at(self.entries[position] if known else self.schema.get("items", {}))

    @property
    def takes_null(self) -> bool:
        """True if null may be among its values, as far as is known."""
        return any(not each.types or "null" in each.types for each in self.alternatives())

    @property
    def names_null(self) -> bool:
        """True if it says that null is among its values."""
        return any("null" in each.types for each in self.alternatives())


def known_type(document: Json) -> KnownType:
    """The type that a whole document describes; without a document, the type of any value."""
    schema = document if isinstance(document, Mapping) else {}
    return KnownType(schema, schema.get("$defs", {}))


class Comparison(abc.ABC):
    """Compares two types part by part, and each pair of parts once: a type may contain itself, in many places."""

    def __init__(self) -> None:
        self._compared: dict[tuple[int, int], list[Misfit]] = {}

    def of_each(self, given: KnownType, wanted: KnownType) -> list[list[Misfit]]:
        """Returns the misfits of each alternative of the type given with the closest alternative of the type wanted."""
        others = wanted.alternatives()
        return [min((self._of_pair(one, other) for other in others), key=len) for one in given.alternatives()]

    def _of_pair(self, given: KnownType, wanted: KnownType) -> list[Misfit]:
        pair = id(given.schema), id(wanted.schema)  # parts of two documents, which live on; any other schema is empty
        if pair not in self._compared:
            self._compared[pair] = []  # the same pair within this one adds nothing
            self._compared[pair] = list(self.misfits(given, wanted))
        return self._compared[pair]

    @abc.abstractmethod
    def misfits(self, given: KnownType, wanted: KnownType) -> Iterator[Misfit]:
        """Compares two types that are not unions."""


class _Fit(Comparison):
    """Finds out why no value of the type given fits the type wanted."""

    def closest(self, given: KnownType, wanted: KnownType) -> list[Misfit]:
        return min(self.of_each(given, wanted), key=len)

    def misfits(self, given: KnownType, wanted: KnownType) -> Iterator[Misfit]:
        if not given.types or not wanted.types:
            return
        if not any(_may_be(given, wanted, one, other) for one in given.types for other in wanted.types):
            yield "", f"is of type {words(given.types)}, not {words(wanted.types)}"
        elif "object" in given.types & wanted.types:
            yield from self._fields(given, wanted)
        elif "array" in given.types & wanted.types:
            yield from self._entries(given, wanted)

    def _fields(self, given: KnownType, wanted: KnownType) -> Iterator[Misfit]:
        for name in wanted.required:
            if given.is_closed and name not in given.properties:
                yield name, "is missing"
        if wanted.schema.get("additionalProperties") is False:
            for name in given.required:
                if name not in wanted.properties:
                    yield name, "is unknown"
        for name, schema in wanted.properties.items():
            if name in given.properties:
                yield from within(name, self.closest(given.at(given.properties[name]), wanted.at(schema)))
        values = wanted.schema.get("additionalProperties")
        if isinstance(values, Mapping):
            yield from self._values(given, wanted, wanted.at(values))

    def _values(self, given: KnownType, wanted: KnownType, value: KnownType) -> Iterator[Misfit]:
        """The fields that the type wanted does not name, all of which have the type of `value` there."""
        for name in given.required:
            if name not in wanted.properties:
                yield from within(name, self.closest(given.at(given.properties.get(name, {})), value))
        rest = given.schema.get("additionalProperties")
        if isinstance(rest, Mapping) and not given.properties:
            yield from within(ANY_KEY, self.closest(given.at(rest), value))

    def _entries(self, given: KnownType, wanted: KnownType) -> Iterator[Misfit]:
        (least, most), (wanted_least, wanted_most) = given.entry_count, wanted.entry_count
        if least > wanted_most or most < wanted_least:
            yield "", f"has {count_words(given)} entries, not {count_words(wanted)}"
            return
        for position in range(max(len(given.entries), len(wanted.entries), 1)):
            yield from within(f"[{position}]", self.closest(given.entry(position), wanted.entry(position)))


def count_words(kind: KnownType) -> str:
    """The number of entries of a list, as a text."""
    least, most = kind.entry_count
    if least == most:
        return str(least)
    return f"{least} or more" if most == math.inf else f"at most {most}"


def type_misfits(given: KnownType, wanted: KnownType, place: str) -> list[str]:
    """Returns why no value of the type given fits the type wanted, each as a clause with its place; nothing if one may fit."""
    return clauses(within(place, _Fit().closest(given, wanted)))


def _may_be(given: KnownType, wanted: KnownType, one: str, other: str) -> bool:
    if other == "string" and one in _NUMBERS and "format" in wanted.schema:
        return True  # moments and durations are also read from seconds
    if one == "string" and other in _FROM_TEXT:
        return not _TEXTS_WITH_A_MEANING.isdisjoint(given.schema)
    return one == other or (one, other) in _CONVERTED


def joined(place: str, below: str) -> str:
    """The place of a field or an entry within a place."""
    return f"{place}.{below}" if place and below and not below.startswith("[") else place + below


def within(place: str, misfits: Iterable[Misfit]) -> Iterator[Misfit]:
    """The same misfits, as seen from outside this place."""
    return ((joined(place, below), reason) for below, reason in misfits)


def clauses(misfits: Iterable[Misfit]) -> list[str]:
    """Each misfit as a clause that begins with its place."""
    return [f"{place or 'it'} {reason}" for place, reason in misfits]


def words(types: Iterable[str]) -> str:
    """The names of types, as a text."""
    return " or ".join(sorted(types))
