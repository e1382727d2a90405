"""Checks a JSON value against a JSON Schema, for starts by name, where the type itself is not installed.

Finds only certain misfits: the participants check again with their own types. Unknown keywords are ignored, and a string
that spells a number or a boolean counts as one, as in pydantic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from saga.core.definition.json_value import Json

DEPTH_MAX: Final = 64
MISFITS_MAX: Final = 5
SENSITIVE: Final = "x-saga-sensitive"
"""The keyword of a JSON Schema whose values people must not see."""
MARKS: Final = "x-saga-marks"
"""The keyword of a whole JSON Schema with other descriptions of the same type, of which only the marks count."""
Shown = Callable[[Json], str]
"""Words for a value that does not fit."""
_REFERENCE: Final = "#/$defs/"
_KINDS: Final[Mapping[type, str]] = {dict: "an object", list: "a list", type(None): "null"}


def is_sensitive(schema: Json) -> bool:
    """Tells whether a JSON Schema itself says that people must not see its values; `password` and `writeOnly` say it, too."""
    if not isinstance(schema, Mapping):
        return False
    return schema.get(SENSITIVE) is True or schema.get("writeOnly") is True or schema.get("format") == "password"


def has_sensitive_parts(document: Json) -> bool:
    """Tells whether any part of a JSON Schema says that people must not see it."""
    if isinstance(document, Mapping):
        return is_sensitive(document) or any(map(has_sensitive_parts, document.values()))
    return isinstance(document, list) and any(map(has_sensitive_parts, document))


def misfits(schema: Json, value: Json) -> list[str]:
    """Returns the first few misfits as "place: reason", nothing if the value fits. No value of a type with marks is shown."""
    if not isinstance(schema, Mapping):
        return []
    found = _first_misfits(schema, value, _shown)
    return _first_misfits(schema, value, _kind) if found and has_sensitive_parts(schema) else found


def _first_misfits(schema: Mapping[str, Json], value: Json, shown: Shown) -> list[str]:
    found = _Check(schema.get("$defs", {}), shown).misfits(schema, value, "", DEPTH_MAX)
    return [text for text, _ in zip(found, range(MISFITS_MAX), strict=False)]


class _Check:
    def __init__(self, definitions: Mapping[str, Json], shown: Shown) -> None:
        self._definitions = definitions
        self._shown = shown

    def misfits(self, schema: Json, value: Json, place: str, depth: int) -> Iterator[str]:
        if depth == 0 or not isinstance(schema, Mapping):
            return
        reference = schema.get("$ref", "")
        if reference.startswith(_REFERENCE):
            yield from self.misfits(self._definitions.get(reference[len(_REFERENCE) :]), value, place, depth - 1)
        for part in schema.get("allOf", ()):
            yield from self.misfits(part, value, place, depth - 1)
        for choices in (schema.get("anyOf"), schema.get("oneOf")):
            if choices:
                yield from self._misfits_of_all(choices, value, place, depth)
        if "type" in schema and not _is_of(schema["type"], value):
            yield f"{_named(place)}{self._shown(value)} is not of type {_title(schema['type'])}"
            return
        yield from (f"{_named(place)}{text}" for text in _bounds(schema, value, self._shown))
        if isinstance(value, Mapping):
            yield from self._fields(schema, value, place, depth)
        elif isinstance(value, list) and "items" in schema:
            for position, item in enumerate(value):
                yield from self.misfits(schema["items"], item, f"{place}.{position}".lstrip("."), depth - 1)

    def _misfits_of_all(self, choices: Json, value: Json, place: str, depth: int) -> list[str]:
        """Returns nothing if one choice fits, otherwise the misfits of the closest one."""
        found = [list(self.misfits(choice, value, place, depth - 1)) for choice in choices]
        return min(found, key=len)

    def _fields(self, schema: Mapping[str, Json], value: Mapping[str, Json], place: str, depth: int) -> Iterator[str]:
        properties = schema.get("properties", {})
        for name in schema.get("required", ()):
            if name not in value:
                yield f"{_named(place)}{name} is missing"
        for name, item in value.items():
            below = f"{place}.{name}".lstrip(".")
            if name in properties:
                yield from self.misfits(properties[name], item, below, depth - 1)
            elif schema.get("additionalProperties") is False:
                known = ", ".join(properties) or "none"
                yield f"{_named(place)}{name} is unknown (known: {known})"
            else:
                yield from self.misfits(schema.get("additionalProperties"), item, below, depth - 1)


def _named(place: str) -> str:
    return f"{place}: " if place else ""


def _shown(value: Json) -> str:
    return _KINDS.get(type(value)) or repr(value)[:40]


def _kind(value: Json) -> str:
    return _KINDS.get(type(value)) or ("a text" if isinstance(value, str) else "a number or a truth value")


def _title(types: Json) -> str:
    return " or ".join(types) if isinstance(types, list) else str(types)


def _is_of(types: Json, value: Json) -> bool:
    return any(TYPES.get(name, _anything)(value) for name in (types if isinstance(types, list) else [types]))


def _anything(_: object) -> bool:
    return True


def _spells(kind: Callable[[str], object], value: object) -> bool:
    try:
        return isinstance(value, str) and kind(value) is not None
    except ValueError:
        return False


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) or _spells(float, value)


TYPES: Final[Mapping[str, Callable[[Json], bool]]] = {
    "object": lambda value: isinstance(value, Mapping),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "number": _is_number,
    "integer": lambda value: _is_number(value) and (isinstance(value, int) or float(value).is_integer()),
    "boolean": lambda value: isinstance(value, bool) or value in (0, 1) or isinstance(value, str),
    "null": lambda value: value is None,
}


def _bounds(schema: Mapping[str, Json], value: Json, shown: Shown) -> Iterator[str]:
    if "enum" in schema and value not in schema["enum"]:
        yield f"{shown(value)} is not one of {', '.join(map(repr, schema['enum'][:10]))}"
    if "const" in schema and value != schema["const"]:
        yield f"{shown(value)} is not {schema['const']!r}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield from (
            f"{shown(value)} is {reason} {schema[name]}"
            for name, is_bad, reason in _LIMITS
            if name in schema and is_bad(value, schema[name])
        )
    if isinstance(value, str | list):
        what = ("minLength", "maxLength", "characters") if isinstance(value, str) else ("minItems", "maxItems", "items")
        if len(value) < schema.get(what[0], 0):
            yield f"it has fewer than {schema[what[0]]} {what[2]}"
        if len(value) > schema.get(what[1], len(value)):
            yield f"it has more than {schema[what[1]]} {what[2]}"


_LIMITS: Final[tuple[tuple[str, Callable[[float, float], bool], str], ...]] = (
    ("minimum", lambda value, limit: value < limit, "less than"),
    ("maximum", lambda value, limit: value > limit, "more than"),
    ("exclusiveMinimum", lambda value, limit: value <= limit, "not more than"),
    ("exclusiveMaximum", lambda value, limit: value >= limit, "not less than"),
)
