"""The marks of `saga.Sensitive` at one place of a value, as JSON Schemas have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Final

from saga.core.definition.json_value import Json
from saga.core.definition.known_type import KnownType, known_type
from saga.core.definition.paths import Segment
from saga.core.definition.schema import MARKS, SENSITIVE, is_sensitive

_REFERENCE: Final = "#/$defs/"
_UNIONS: Final = ("anyOf", "oneOf", "allOf")
_ENTRIES: Final = ("items", "additionalProperties", "propertyNames")
_FIELDS: Final = ("properties", "patternProperties")


class Marks:
    """Everything that is known about a place: the types that describe it, and more about its parts.

    Of the alternatives of a type each counts: a part that any of them marks is sensitive.
    """

    def __init__(self, types: tuple[KnownType, ...] = (), below: Mapping[Segment, Marks] | None = None) -> None:
        self.types: tuple[KnownType, ...] = types
        self.below: Mapping[Segment, Marks] = below or {}
        self._parts: dict[Segment | None, Marks] = {}

    @cached_property
    def is_sensitive(self) -> bool:
        """True if people must not see the value at this place."""
        return any(
            is_sensitive(each.schema)
            or any(is_sensitive(keys.schema) for keys in _expanded(_at(each, "propertyNames")))
            for each in self._alternatives
        )

    @cached_property
    def is_empty(self) -> bool:
        """True if nothing at this place or below it is sensitive."""
        return not any(map(_is_marked, self._alternatives)) and all(part.is_empty for part in self.below.values())

    def part(self, segment: Segment) -> Marks:
        """The marks of a field or an entry."""
        place = self._place_of(segment)
        if place not in self._parts:
            below = self.below.get(segment, _NONE)
            types = tuple(part for each in self._alternatives for part in _parts(each, segment))
            self._parts[place] = Marks((*types, *below.types), below.below)
        return self._parts[place]

    def joined(self, other: Marks) -> Marks:
        """All that either of both marks."""
        names = dict.fromkeys((*self.below, *other.below))
        below = {name: self.below.get(name, _NONE).joined(other.below.get(name, _NONE)) for name in names}
        return Marks((*self.types, *other.types), below)

    def at(self, path: tuple[Segment, ...]) -> Marks:
        """These marks, as marks of a part of a larger value."""
        return Marks(below={path[0]: self.at(path[1:])}) if path else self

    @cached_property
    def _alternatives(self) -> tuple[KnownType, ...]:
        return tuple(found for each in self.types for found in _expanded(each))

    def _place_of(self, segment: Segment) -> Segment | None:
        """The entries of a list are alike, unless one of them is described by itself."""
        is_alike = isinstance(segment, int) and not any(_listed(each, "prefixItems") for each in self._alternatives)
        return None if is_alike and segment not in self.below else segment


_NONE: Final = Marks()
EVERYTHING: Final = Marks((KnownType({SENSITIVE: True}, {}),))
"""The marks of a value of which people must see nothing."""


def marks_in(document: Json) -> Marks:
    """The marks of a JSON Schema. Without one, nothing is known."""
    if not isinstance(document, Mapping):
        return _NONE
    others = document.get(MARKS)
    return Marks(tuple(map(known_type, (document, *(others if isinstance(others, list) else ())))))


def _expanded(given: KnownType) -> Iterator[KnownType]:
    """The type, the type that it refers to, and the members of a union, each once."""
    seen, open_types = set[int](), [given]
    while open_types:
        one = open_types.pop()
        if isinstance(one.schema, Mapping) and id(one.schema) not in seen:
            seen.add(id(one.schema))
            yield one
            reference = str(one.schema.get("$ref", ""))
            if reference.startswith(_REFERENCE):
                open_types.append(one.at(one.definitions.get(reference.removeprefix(_REFERENCE))))
            open_types += [one.at(member) for word in _UNIONS for member in _listed(one, word)]


def _at(one: KnownType, word: str) -> KnownType:
    return one.at(one.schema.get(word))


def _listed(one: KnownType, word: str) -> list[Json]:
    found = one.schema.get(word)
    return found if isinstance(found, list) else []


def _named(one: KnownType, word: str) -> Mapping[str, Json]:
    found = one.schema.get(word)
    return found if isinstance(found, Mapping) else {}


def _parts(one: KnownType, segment: Segment) -> Iterator[KnownType]:
    """The types of a part, of a type that is none of several."""
    if isinstance(segment, int):
        entries = _listed(one, "prefixItems")
        yield one.at(entries[segment]) if segment < len(entries) else _at(one, "items")
        return
    fields = _named(one, "properties")
    yield one.at(fields[segment]) if segment in fields else _at(one, "additionalProperties")
    yield from map(one.at, _named(one, "patternProperties").values())


def _is_marked(given: KnownType) -> bool:
    """Tells whether the type or any part of it is sensitive."""
    seen, open_types = set[int](), [given]
    while open_types:
        for one in _expanded(open_types.pop()):
            if id(one.schema) in seen:
                continue
            if is_sensitive(one.schema):
                return True
            seen.add(id(one.schema))
            found = [one.schema.get(word) for word in _ENTRIES] + _listed(one, "prefixItems")
            found += [each for word in _FIELDS for each in _named(one, word).values()]
            open_types += map(one.at, found)
    return False
