"""The stored form of a definition: JSON documents, derived from the fields of its dataclasses.

A field that a later format has added names that format and an implied value: documents without the field stand for it.
A field with its implied value is left out, so a definition that an older format can express keeps its document and hash.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import Field, fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

from saga.core.definition.json_value import Json
from saga.core.definition.paths import needs_format_2

FIRST_FORMAT: Final = 1
FORMATS_READ: Final = (1, 2, 3)
WHOLE_MAX: Final = 2**53 - 1

_KEYS: Final = {"compensation_retry": "undo_retry"}
"""Keys of the document that differ from the names of their fields."""
_SINCE, _IMPLIED = "since", "implied"

T = TypeVar("T")
Dataclass = Any  # an instance or a class; the standard library has no public type for them


def since(format_number: int, *, implied: object) -> dict[str, object]:
    """Returns the metadata of a field that this format has added."""
    return {_SINCE: format_number, _IMPLIED: implied}


def document_of(value: object) -> Json:
    """Writes a value as JSON; a dataclass becomes an object with a key for each field."""
    if is_dataclass(value):
        return {_key(field): document_of(getattr(value, field.name)) for field in _written_fields(value)}
    if isinstance(value, Enum):
        return value.value
    return [document_of(entry) for entry in value] if isinstance(value, tuple) else value


def format_of(value: object) -> int:
    """Returns the oldest format that can express a value."""
    if isinstance(value, tuple):
        return max(map(format_of, value), default=FIRST_FORMAT)
    if isinstance(value, dict | list):
        return 2 if needs_format_2(value) else FIRST_FORMAT
    if not is_dataclass(value):
        return FIRST_FORMAT
    written = list(_written_fields(value))
    own: int = max([FIRST_FORMAT, *(field.metadata.get(_SINCE, FIRST_FORMAT) for field in written)])
    if own == FORMATS_READ[-1]:  # nothing inside asks for more, and it may be a value that is not a template
        return own
    return max(own, *(format_of(getattr(value, field.name)) for field in written))


def read(kind: type[T], document: Mapping[str, Json], format_number: int) -> T:
    """Builds a dataclass from its document. Raises KeyError, TypeError or ValueError if the document is malformed."""
    rest, hints = dict(document), _hints(kind)
    values = {
        field.name: _read_value(hints[field.name], rest.pop(_key(field)), format_number)
        for field in _identity_fields(kind)
        if _is_required(field) or (field.metadata[_SINCE] <= format_number and _key(field) in rest)
    }
    if rest:
        raise TypeError(f"unknown keys: {', '.join(sorted(rest))}")
    return kind(**values)


def keys_of(kind: type) -> tuple[str, ...]:
    return tuple(_key(field) for field in _identity_fields(kind))


def check_types(value: object, place: str) -> None:
    """Raises TypeError unless every field holds what its annotation says. Whole numbers are at most 2**53 - 1."""
    hints = _hints(type(value))
    for field in _identity_fields(type(value)):
        held, hint = getattr(value, field.name), hints[field.name]
        if is_dataclass(held):
            check_types(held, f"{place}.{field.name}")
        elif _is_plain(hint) and (type(held) not in _types(hint) or (type(held) is int and not 0 <= held <= WHOLE_MAX)):
            raise TypeError(f"{place}.{field.name} has a {type(held).__name__} of the wrong type or size")


def _hints(kind: type) -> dict[str, object]:
    if kind not in _HINTS:
        _HINTS[kind] = get_type_hints(kind)
    return _HINTS[kind]


_HINTS: Final[dict[type, dict[str, object]]] = {}


def _identity_fields(kind: Dataclass) -> Iterator[Field[object]]:
    """Yields the fields that belong to the identity."""
    return (field for field in fields(kind) if field.compare)


def _written_fields(value: Dataclass) -> Iterator[Field[object]]:
    return (
        field
        for field in _identity_fields(value)
        if _is_required(field) or getattr(value, field.name) != field.metadata[_IMPLIED]
    )


def _is_required(field: Field[object]) -> bool:
    return _SINCE not in field.metadata


def _key(field: Field[object]) -> str:
    return _KEYS.get(field.name, field.name)


def _read_value(hint: object, value: Json, format_number: int) -> Json:
    if get_origin(hint) is tuple:
        return tuple(_read_value(get_args(hint)[0], entry, format_number) for entry in value)
    if isinstance(hint, UnionType) and all(map(is_dataclass, get_args(hint))):
        hint = _member(hint, value)
    if isinstance(hint, type) and is_dataclass(hint):
        return read(hint, value, format_number)
    return hint(value) if isinstance(hint, type) and issubclass(hint, Enum) else value


def _member(hint: UnionType, document: Mapping[str, Json]) -> type:
    """The dataclass of a union that a document is of: its key `kind` has the default of the field. Raises ValueError."""
    for member in get_args(hint):
        (kind,) = (field for field in fields(member) if field.name == "kind")
        if document.get("kind", kind.metadata[_IMPLIED].value) == kind.default.value:
            found: type = member
            return found
    raise ValueError(f"a step is of the unknown kind {str(document['kind'])[:20]!a}")


def _is_plain(hint: object) -> bool:
    """True for strings, numbers, booleans and None. The graph checks tuples, and templates have rules of their own."""
    return _types(hint) <= {str, int, bool, NoneType}


def _types(hint: object) -> frozenset[object]:
    return frozenset(get_args(hint) if get_origin(hint) is UnionType else (hint,))
