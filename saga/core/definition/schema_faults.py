"""Finds out whether a document that a person wrote can be used as a JSON Schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from saga.core.definition.json_value import Json
from saga.core.definition.schema import TYPES

_REFERENCE: Final = "#/$defs/"


def schema_faults(document: Json) -> Iterator[str]:
    """Yields what is wrong in a JSON Schema, each as a clause that begins with its place. Unknown words are accepted."""
    definitions = document.get("$defs", {}) if isinstance(document, Mapping) else {}
    yield from _faults(document, "", definitions if isinstance(definitions, Mapping) else {})


def _faults(schema: Json, place: str, definitions: Mapping[str, Json]) -> Iterator[str]:
    if isinstance(schema, bool):
        return
    if not isinstance(schema, Mapping):
        yield f"{place or 'it'} is not a schema"
        return
    for word, value in schema.items():
        here = f"{place}.{word}".lstrip(".")
        if word in _WORDS and not _WORDS[word][0](value):
            yield f"{here} is not {_WORDS[word][1]}"
        elif word == "$ref" and value.removeprefix(_REFERENCE) not in definitions:
            yield f"{here} names {value!r:.60}, which is not in $defs"
        else:
            for part_place, part in _parts(word, value, here):
                yield from _faults(part, part_place, definitions)


def _parts(word: str, value: Json, here: str) -> Iterator[tuple[str, Json]]:
    """The schemas within the value of a word, with their places."""
    if word in _OF_SCHEMAS:
        yield from ((f"{here}.{name}", part) for name, part in value.items())
    elif word in _LISTS_OF_SCHEMAS:
        yield from ((f"{here}[{position}]", part) for position, part in enumerate(value))
    elif word in _SCHEMAS:
        yield here, value


def _is_type(value: Json) -> bool:
    names = value if isinstance(value, list) else [value]
    return bool(names) and all(isinstance(name, str) and name in TYPES for name in names)


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Json) -> bool:
    return type(value) is int and value >= 0


def _is_list(value: Json) -> bool:
    return isinstance(value, list)


def _is_object(value: Json) -> bool:
    return isinstance(value, Mapping)


def _is_text(value: Json) -> bool:
    return isinstance(value, str)


def _are_texts(value: Json) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


_OF_SCHEMAS: Final = ("properties", "$defs")
_LISTS_OF_SCHEMAS: Final = ("anyOf", "oneOf", "allOf", "prefixItems")
_SCHEMAS: Final = ("items", "additionalProperties")
_NUMBERS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_COUNTS: Final = ("minLength", "maxLength", "minItems", "maxItems")
_WORDS: Final[Mapping[str, tuple[Callable[[Json], bool], str]]] = {
    "type": (_is_type, f"one of {', '.join(TYPES)}, or a list of these"),
    "$ref": (_is_text, "a text"),
    "pattern": (_is_text, "a text"),
    "format": (_is_text, "a text"),
    "enum": (_is_list, "a list"),
    "required": (_are_texts, "a list of texts"),
    **dict.fromkeys(_NUMBERS, (_is_number, "a number")),
    **dict.fromkeys(_COUNTS, (_is_count, "a whole number from 0")),
    **dict.fromkeys(_OF_SCHEMAS, (_is_object, "an object")),
    **dict.fromkeys(_LISTS_OF_SCHEMAS, (_is_list, "a list")),
}
