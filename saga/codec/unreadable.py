"""Finds the types whose values are written in a form that they do not read: known before there is a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from saga.codec.plain import Schema

ASTERISKS: Final = "is a secret, of which asterisks would be written: pass a reference to it, or declare it as str to store it in clear"
_OPAQUE: Final = {"function-plain", "function-wrap"}  # own serializers: only a value can tell
_SKIPPED: Final = {"metadata", "config", "default", "serialization", "computed_fields"}
_COMPOUND_KEYS: Final = {"tuple", "list", "model", "dict", "set", "frozenset", "dataclass", "typed-dict"}


def type_faults(schema: Schema) -> tuple[str, ...]:
    """Returns why values of a type cannot be read back, each with its field; nothing if only a value can tell."""
    return tuple(dict.fromkeys(_faults(schema, "the value", {})))


def _faults(node: Any, place: str, config: Schema) -> Iterator[str]:
    if isinstance(node, list | tuple):
        for each in node:
            yield from _faults(each, place, config)
    elif isinstance(node, Mapping):
        yield from _faults_of_node(node, place, node.get("config", config))


def _faults_of_node(node: Schema, place: str, config: Schema) -> Iterator[str]:
    serializer = node.get("serialization", {})
    if _masks(serializer):
        yield f"{place} {ASTERISKS}"
    if serializer.get("type") in _OPAQUE:
        return
    if node.get("type") == "json":
        yield f"{place} is pydantic's Json, which is written as its value and read as a text: annotate the value itself"
    if node.get("keys_schema", {}).get("type") in _COMPOUND_KEYS:
        yield f"{place} has keys that are not scalars, and JSON knows texts only: write a list of pairs"
    if "fields" in node and "schema" not in node:
        yield from _faults_of_fields(node, place, config)
        return
    for key, each in node.items():
        if key not in _SKIPPED:
            yield from _faults(each, place, config)


def _masks(serializer: Schema) -> bool:
    """True for the serializer with which pydantic hides a secret; one that the user wrote for the field takes its place."""
    function = serializer.get("function")
    return getattr(function, "__module__", "") == "pydantic.types" and getattr(function, "__name__", "").startswith(
        "_serialize_secret"
    )


def _faults_of_fields(node: Schema, place: str, config: Schema) -> Iterator[str]:
    owner = node.get("model_name") or node.get("dataclass_name") or getattr(node.get("cls"), "__name__", place)
    fields = node["fields"]
    named = fields.items() if isinstance(fields, Mapping) else [(field["name"], field) for field in fields]
    for name, field in named:
        if fault := _field_fault(name, field, config):
            yield f"{owner}.{name} {fault}"
        yield from _faults(field["schema"], f"{owner}.{name}", {})
    extra = node.get("extra_behavior", config.get("extra_fields_behavior", "ignore"))
    if extra != "ignore":
        for computed in node.get("computed_fields", ()):
            reason = (
                f"is computed, so that it is written, and extra={extra!r} takes it for another field when it is read"
            )
            yield f"{owner}.{computed['property_name']} {reason}: set extra='ignore'"


def _field_fault(name: str, field: Schema, config: Schema) -> str | None:
    """Returns why a field that reading needs is not written, or under a name that reading does not know."""
    is_required = field.get("required", field["schema"]["type"] != "default")
    if not is_required:
        return None
    if field.get("serialization_exclude"):
        return "is excluded when it is written, and required when it is read: give it a default, or do not exclude it"
    written = field.get("serialization_alias", name)
    if written in _names_read(name, field, config):
        return None
    return f"is written as {written!r}, and not read by that name: give it one alias= for both"


def _names_read(name: str, field: Schema, config: Schema) -> set[object]:
    alias = field.get("validation_alias")
    if alias is None:
        return {name}
    paths = [alias] if isinstance(alias, str) else alias
    names = {each if isinstance(each, str) else each[0] for each in paths if isinstance(each, str) or len(each) == 1}
    by_name = config.get("validate_by_name") or config.get("populate_by_name")
    return (names if config.get("validate_by_alias", True) else set()) | ({name} if by_name else set())
