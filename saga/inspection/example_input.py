"""An invented input that fits a definition, so that a saga can be started at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from saga.core.definition.json_value import Json

DEPTH_MAX: Final = 8
_VALUES: Final[Mapping[str, Json]] = {"string": "...", "integer": 1, "number": 1.0, "boolean": True, "null": None}


def example_input(schema: Mapping[str, Json] | None) -> Json:
    """Returns values that fit the schema of a definition's input; they need not make sense."""
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
        return {name: _value(properties[name], root, depth - 1) for name in schema.get("required", ())}
    if schema.get("type") == "array":
        return [_value(schema["items"], root, depth - 1)] if "items" in schema else []
    return _VALUES.get(schema.get("type", ""))
