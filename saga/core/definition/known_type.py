"""A type that is known from a JSON Schema: its alternatives, its parts, and whether values of another type may fit it.

Only certain misfits are found. Unknown keywords, and types without a schema, fit everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
_NUMBERS: Final = {"integer", "number"}
_TEXTS_WITH_A_MEANING: Final = {"pattern", "format", "enum", "const"}


@dataclass(frozen=True, slots=True)
class KnownType:
    """A JSON Schema, with the definitions of its document."""

    schema: Json
    definitions: Mapping[str, Json]

    @property
    def types(self) -> frozenset[str]:
        """The JSON types that its values have; empty if it does not say."""
        said = self.schema.get("type", ())
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
        if members:
            return [each for member in members for each in self.at(member).alternatives(depth - 1)]
        return [self.at({})] if "allOf" in schema else [self]

    def part(self, segment: Segment) -> KnownType | None:
        """The type of a field or an entry; None if values of this type, which is not a union, have no such part."""
        if not self.types:
            return self.at({})
        if "object" in self.types and isinstance(segment, str):
            if segment in self.properties:
                return self.at(self.properties[segment])
            return None if self.is_closed else self.at(self.schema.get("additionalProperties", {}))
        if "array" in self.types and isinstance(segment, int):
            entries = self.schema.get("prefixItems", ())
            return self.at(entries[segment] if segment < len(entries) else self.schema.get("items", {}))
        return None


def known_type(document: Json) -> KnownType:
    """The type that a whole document describes; None as a document says nothing."""
    schema = document if isinstance(document, Mapping) else {}
    return KnownType(schema, schema.get("$defs", {}))


def type_misfits(given: KnownType, wanted: KnownType, place: str, depth: int = DEPTH_MAX) -> list[str]:
    """Returns why no value of the type given fits the type wanted, each as a clause with its place; nothing if one may fit."""
    if depth == 0:
        return []
    found = [_closest(each, wanted.alternatives(), place, depth) for each in given.alternatives()]
    return min(found, key=len)


def _closest(given: KnownType, wanted: list[KnownType], place: str, depth: int) -> list[str]:
    return min((list(_misfits(given, each, place, depth)) for each in wanted), key=len)


def _misfits(given: KnownType, wanted: KnownType, place: str, depth: int) -> Iterator[str]:
    if not given.types or not wanted.types:
        return
    if not any(_may_be(given, wanted, one, other) for one in given.types for other in wanted.types):
        yield f"{place or 'it'} is of type {_words(given)}, not {_words(wanted)}"
    elif "object" in given.types & wanted.types:
        yield from _field_misfits(given, wanted, place, depth)
    elif "array" in given.types & wanted.types:
        items = given.at(given.schema.get("items", {})), wanted.at(wanted.schema.get("items", {}))
        yield from type_misfits(*items, f"{place}[0]", depth - 1)


def _may_be(given: KnownType, wanted: KnownType, one: str, other: str) -> bool:
    if other == "string" and one in _NUMBERS and "format" in wanted.schema:
        return True  # moments and durations are also read from seconds
    if one == "string" and other in _FROM_TEXT:
        return not _TEXTS_WITH_A_MEANING.isdisjoint(given.schema)
    return one == other or (one, other) in _CONVERTED


def _field_misfits(given: KnownType, wanted: KnownType, place: str, depth: int) -> Iterator[str]:
    for name in wanted.required:
        if given.is_closed and name not in given.properties:
            yield f"{joined(place, name)} is missing"
    if wanted.schema.get("additionalProperties") is False:
        for name in given.required:
            if name not in wanted.properties:
                yield f"{joined(place, name)} is unknown"
    for name, schema in wanted.properties.items():
        if name in given.properties:
            below = joined(place, name)
            yield from type_misfits(given.at(given.properties[name]), wanted.at(schema), below, depth - 1)


def joined(place: str, name: str) -> str:
    """The place of a field within a place."""
    return f"{place}.{name}" if place else name


def _words(known: KnownType) -> str:
    return " or ".join(sorted(known.types))
