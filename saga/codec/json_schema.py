"""JSON Schemas for contracts: what a handler accepts, and what it writes. They never promise less than pydantic accepts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pydantic
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

CoreSchema = Any  # one of pydantic-core's many kinds
_NAMES: Final = ("validate_by_name", "populate_by_name")


def accepted_schema(adapter: TypeAdapter[Any]) -> JsonSchemaValue | None:
    """The JSON Schema of what a type reads; None if nothing is known about it."""
    try:
        return adapter.json_schema(mode="validation", schema_generator=_Accepted) or None
    except pydantic.errors.PydanticInvalidForJsonSchema:
        return None


def written_schema(adapter: TypeAdapter[Any]) -> JsonSchemaValue | None:
    """The JSON Schema of what a type writes; None if nothing is known about it."""
    try:
        return adapter.json_schema(mode="serialization") or None
    except pydantic.errors.PydanticInvalidForJsonSchema:
        return None


class _Accepted(GenerateJsonSchema):
    """Leaves open what a validator of the user's may accept, and every name by which a field is read."""

    def function_before_schema(self, schema: CoreSchema) -> JsonSchemaValue:
        return super().function_before_schema(schema) if "json_schema_input_schema" in schema else {}

    def function_wrap_schema(self, schema: CoreSchema) -> JsonSchemaValue:
        return super().function_wrap_schema(schema) if "json_schema_input_schema" in schema else {}

    def str_schema(self, schema: CoreSchema) -> JsonSchemaValue:
        takes_numbers = schema.get("coerce_numbers_to_str") or self._config.coerce_numbers_to_str
        return {} if takes_numbers else super().str_schema(schema)

    def model_schema(self, schema: CoreSchema) -> JsonSchemaValue:
        document = super().model_schema(schema)
        fields: Mapping[str, Any] = schema["schema"].get("fields", {})
        is_read_by_name = any(schema.get("config", {}).get(name) for name in _NAMES)
        aliases = [field.get("validation_alias") for field in fields.values()]
        if any(alias is not None and (is_read_by_name or not isinstance(alias, str)) for alias in aliases):
            document = {key: value for key, value in document.items() if key != "required"}
            document["additionalProperties"] = True
        return document
