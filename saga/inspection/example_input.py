"""An invented input that fits a definition, so that a saga can be started at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from saga.core.definition.json_value import Json
from saga.core.definition.schema import is_sensitive

DEPTH_MAX: Final = 8
_VALUES: Final[Mapping[str, Json]] = {"string": "...", "integer": 1, "number": 1.0, "boolean": True, "null": None}


def example_input(schema: Mapping[str, Json] | None) -> Json:
    """Returns values that fit the schema of a definition's input; they need not make sense.

    They have all fields but the optional ones without a default: a condition may read a field, which a start does not fill in.
    """
    return {} if schema is None else _value(schema, schema, DEPTH_MAX)


def _value(schema: Mapping[str, Json], root: Mapping[str, Json], depth: int) -> Json:
    if depth == 0:
        return None
    stated = [schema[name] for name in ("default", "const") if name in schema]
    stated += [schema[name][0] for name in ("examples", "enum") if schema.get(name)]
    if stated:
        return stated[0]
    parts = [root.get("$defs", {}).get(schema["$ref"].rpartition("/")[2], {})] if "$ref" in schema else []
    parts += [schema[name][0] for name in ("anyOf", "oneOf", "allOf") if schema.get(name)]
    if parts:
        return _value(parts[0], root, depth - 1)
    if schema.get("type") == "object":
        properties = schema.get("properties", {})
        required = schema.get("required", ())
        wanted = [name for name, part in properties.items() if name in required or _is_stated(part)]
        return {name: _value(properties[name], root, depth - 1) for name in wanted}
    if schema.get("type") == "array":
        return [_value(schema["items"], root, depth - 1)] if "items" in schema else []
    return _VALUES.get(schema.get("type", ""))


def _is_stated(schema: Json) -> bool:
    """Tells whether a field has a default that people may see."""
    return isinstance(schema, Mapping) and schema.get("default") is not None and not is_sensitive(schema)
