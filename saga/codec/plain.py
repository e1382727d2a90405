"""Tells the types whose values are read back equal, so that they need no check unless an integer is very long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from types import NoneType
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel

Schema = Mapping[str, Any]  # of pydantic-core

_SCALARS: Final[dict[str, type]] = {
    "str": str, "int": int, "bool": bool, "none": NoneType, "uuid": UUID, "date": date,
}  # fmt: skip
"""A datetime is not among them: its offset from UTC is written in minutes, and those of old dates have seconds."""
_EVERYWHERE: Final = {"type", "ref", "metadata"}
_KNOWN: Final[dict[str, set[str]]] = {
    **{kind: set() for kind in _SCALARS},
    "nullable": {"schema"},
    "default": {"schema", "default", "default_factory", "copy_default"},
    "list": {"items_schema"},
    "model-field": {"schema"},
    "dataclass-field": {"schema", "name", "init", "kw_only"},
    "model-fields": {"fields", "model_name"},
    "dataclass-args": {"fields", "dataclass_name"},
    "model": {"schema", "cls", "config", "frozen"},
    "dataclass": {"schema", "cls", "config", "frozen", "fields", "slots"},
}
"""Kind of schema -> the keys that do not change how a value is written or read. Limits, aliases and serializers are not among them."""
_WRAPPERS: Final = {"nullable", "default", "list", "model-field", "dataclass-field"}
_CONFIG: Final = {"title", "frozen"}


INTEGER_BITS_MAX: Final = 12_000
"""Some 3,600 decimal digits. Python reads 4,300 at most."""


def has_long_integer(value: object) -> bool:
    """Returns whether a value of a plain type has an integer that may be too long to be read."""
    if isinstance(value, int):
        return value.bit_length() > INTEGER_BITS_MAX
    if isinstance(value, list):
        return any(map(has_long_integer, value))
    if isinstance(value, BaseModel):
        return any(map(has_long_integer, value.__dict__.values()))
    if is_dataclass(value):
        return any(has_long_integer(getattr(value, field.name)) for field in fields(value))
    return False


def plain_types(schema: Schema) -> frozenset[type]:
    """Returns the exact types whose instances are read back equal; none for most types.

    They are scalars, and models and dataclasses of scalars and lists of scalars, without limits, aliases and serializers. A model
    within a model is not plain: an instance of a subclass may stand for it.
    """
    kind = schema["type"]
    if not _has_known_keys(schema):
        return frozenset()
    if kind in _SCALARS:
        return frozenset({_SCALARS[kind]})
    if kind == "nullable":
        inner = plain_types(schema["schema"])
        return inner | {NoneType} if inner else inner
    if (
        kind in {"model", "dataclass"}
        and _CONFIG.issuperset(schema.get("config", ()))
        and _has_plain_fields(schema["schema"])
    ):
        return frozenset({schema["cls"]})
    return frozenset()


def _has_plain_fields(schema: Schema) -> bool:
    if schema["type"] not in {"model-fields", "dataclass-args"} or not _has_known_keys(schema):
        return False
    fields = schema["fields"]
    return all(map(_is_plain, fields.values() if isinstance(fields, Mapping) else fields))


def _is_plain(schema: Schema) -> bool:
    kind = schema["type"]
    if not _has_known_keys(schema) or not schema.get("init", True):
        return False
    return kind in _SCALARS or (kind in _WRAPPERS and _is_plain(schema["items_schema" if kind == "list" else "schema"]))


def _has_known_keys(schema: Schema) -> bool:
    known = _KNOWN.get(schema["type"])
    return known is not None and not any(value for key, value in schema.items() if key not in known | _EVERYWHERE)
