"""Finds the parts of a value that JSON cannot hold: numbers that are not finite, and secrets."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

import pydantic

from saga.codec.unreadable import ASTERISKS


def value_fault(value: object, place: str = "") -> str | None:
    """Returns the first fault of a value, with its place; None if it is faultless."""
    return next(_faults(value, place, frozenset()), None)


def _faults(value: object, place: str, above: frozenset[int]) -> Iterator[str]:
    if isinstance(value, float):
        if not math.isfinite(value):
            yield f"{place or 'value'}: {value} is not a JSON number"
    elif isinstance(value, pydantic.SecretStr | pydantic.SecretBytes | pydantic.Secret):
        yield f"{place or 'value'} {ASTERISKS}"
    elif id(value) not in above:
        for name, part in parts(value).items():
            yield from _faults(part, f"{place}.{name}".lstrip("."), above | {id(value)})


def parts(value: object) -> Mapping[object, object]:
    """The parts of a value by field, key or index; nothing for a scalar."""
    if isinstance(value, pydantic.BaseModel):
        return dict((vars(value) | (value.__pydantic_extra__ or {}) | (value.__pydantic_private__ or {})).items())
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list | tuple | AbstractSet):
        return dict(enumerate(value))
    return {}
