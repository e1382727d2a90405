"""JSON Schemas for contracts: what a handler accepts, and what it writes. They never promise less than pydantic accepts.

A type with a `Sensitive` part has its marks in the schema, also where the schema itself leaves a part open.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pydantic
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue

from saga.core.definition.schema import MARKS, has_sensitive_parts

CoreSchema = Any  # one of pydantic-core's many kinds
_NAMES: Final = ("validate_by_name", "populate_by_name")


def described(adapter: TypeAdapter[Any]) -> JsonSchemaValue | None:
    """The JSON Schema of a type, for people; None if nothing is known about it."""
    return _schema(adapter, "validation", GenerateJsonSchema)


def accepted_schema(adapter: TypeAdapter[Any]) -> JsonSchemaValue | None:
    """The JSON Schema of what a type reads; None if nothing is known about it."""
    return _schema(adapter, "validation", _Accepted)


def written_schema(adapter: TypeAdapter[Any]) -> JsonSchemaValue | None:
    """The JSON Schema of what a type writes; None if nothing is known about it."""
    return _schema(adapter, "serialization", GenerateJsonSchema)


def _schema(
    adapter: TypeAdapter[Any], mode: JsonSchemaMode, generator: type[GenerateJsonSchema]
) -> JsonSchemaValue | None:
    try:
        document = adapter.json_schema(mode=mode, schema_generator=generator)
    except pydantic.errors.PydanticInvalidForJsonSchema:
        document = {}
    return _with_marks(adapter, document) or None


def _with_marks(adapter: TypeAdapter[Any], document: JsonSchemaValue) -> JsonSchemaValue:
    """The schema with every mark of the type: no validator, no serializer and no other name of a field hides one."""
    modes: tuple[JsonSchemaMode, ...] = ("validation", "serialization")
    whole = [adapter.json_schema(mode=mode, schema_generator=_Whole) for mode in modes]
    marks = [found for found in whole if found != document and has_sensitive_parts(found)]
    return {**document, MARKS: marks} if marks else document


class _Whole(GenerateJsonSchema):
    """Describes as much of a type as there is a description of."""

    def handle_invalid_for_json_schema(self, schema: CoreSchema, error_info: str) -> JsonSchemaValue:  # noqa: ARG002
        return {}


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
