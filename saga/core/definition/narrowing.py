"""Finds out where a contract has become narrower: values that an older build accepted, and that a newer one refuses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from saga.core.definition.contract import Contract
from saga.core.definition.json_value import Json

DEPTH_MAX: Final = 16
REASONS_MAX: Final = 5
_REFERENCE: Final = "#/$defs/"
_WIDER: Final = {"integer": "number"}
_LOWER_BOUNDS: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_UPPER_BOUNDS: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")

Definitions = Mapping[str, Json]


def narrower(before: Contract, after: Contract) -> list[str]:
    """Returns the first few reasons, each with its field, why sagas that are under way may not fit the newer contract.

    Inputs that were accepted may be refused; so may recorded results, which its compensation reads.
    """
    inputs = narrowed(before.input_schema, after.input_schema)
    results = narrowed(before.output_schema, after.output_schema) if after.has_compensation else []
    return [*(f"input: {each}" for each in inputs), *(f"result: {each}" for each in results)][:REASONS_MAX]


def narrowed(before: Json, after: Json) -> list[str]:
    """Returns why values of the one JSON Schema may not fit the other; nothing if both say nothing."""
    if not isinstance(after, Mapping):
        return []
    old = before if isinstance(before, Mapping) else {}
    return list(_Comparison(_definitions(old), _definitions(after)).between(old, after, "", DEPTH_MAX))


def missing_fields(given: Json, wanted: Json) -> list[str]:
    """Returns the fields that the one JSON Schema requires and the other does not know: no value of it can have them."""
    (old, *others), new = _alternatives(given, _definitions(given)), _alternatives(wanted, _definitions(wanted))
    if others or len(new) > 1 or "properties" not in old:
        return []
    return [name for name in new[0].get("required", ()) if name not in old["properties"]]


def _definitions(schema: Json) -> Definitions:
    found: Definitions = schema.get("$defs", {}) if isinstance(schema, Mapping) else {}
    return found


class _Comparison:
    def __init__(self, before: Definitions, after: Definitions) -> None:
        self._before = before
        self._after = after

    def between(self, before: Json, after: Json, place: str, depth: int) -> Iterator[str]:
        """Each alternative of the older schema must fit one of the newer."""
        if depth == 0:
            return
        wanted = _alternatives(after, self._after)
        for old in _alternatives(before, self._before):
            yield from min((list(self._differences(old, new, place, depth)) for new in wanted), key=len)

    def _differences(self, old: Mapping[str, Json], new: Mapping[str, Json], place: str, depth: int) -> Iterator[str]:
        before, after = _types(old), _types(new)
        if after and not before:
            yield f"{place or 'it'} could be anything, and must be {_words(after)} now"
            return
        if after and (lost := {each for each in before - after if _WIDER.get(each) not in after}):
            yield f"{place or 'it'} could be {_words(lost)}, and must be {_words(after)} now"
            return
        yield from (f"{place or 'it'} {reason}" for reason in _limits(old, new))
        yield from self._fields(old, new, place, depth)
        if isinstance(new.get("items"), Mapping):
            yield from self.between(old.get("items", {}), new["items"], f"{place}[0]", depth - 1)

    def _fields(self, old: Mapping[str, Json], new: Mapping[str, Json], place: str, depth: int) -> Iterator[str]:
        for name in new.get("required", ()):
            if name not in old.get("required", ()):
                yield f"{_joined(place, name)} is required now"
        known = new.get("properties", {})
        for name, schema in old.get("properties", {}).items():
            if name in known:
                yield from self.between(schema, known[name], _joined(place, name), depth - 1)
            elif new.get("additionalProperties") is False:
                yield f"{_joined(place, name)} is not accepted any more"


def _alternatives(schema: Json, definitions: Definitions, depth: int = DEPTH_MAX) -> Sequence[Mapping[str, Json]]:
    """The members of a union, references resolved; the schema itself if it is not a union."""
    if not isinstance(schema, Mapping) or depth == 0:
        return [{}]
    reference = schema.get("$ref", "")
    if reference.startswith(_REFERENCE):
        return _alternatives(definitions.get(reference.removeprefix(_REFERENCE)), definitions, depth - 1)
    members = schema.get("anyOf") or schema.get("oneOf")
    if not members:
        return [schema]
    return [each for member in members for each in _alternatives(member, definitions, depth - 1)]


def _types(schema: Mapping[str, Json]) -> frozenset[str]:
    said = schema.get("type", ())
    return frozenset([said] if isinstance(said, str) else said)


def _limits(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[str]:
    before, after = _choices(old), _choices(new)
    if after is not None and (before is None or any(each not in after for each in before)):
        yield f"must be one of {', '.join(map(repr, after[:10]))} now"
    for bounds, sign in ((_LOWER_BOUNDS, 1), (_UPPER_BOUNDS, -1)):
        for name in bounds:
            if name in new and (name not in old or (new[name] - old[name]) * sign > 0):
                yield f"has {name} {new[name]} now"
    if "pattern" in new and new["pattern"] != old.get("pattern"):
        yield f"must match {new['pattern']} now"


def _choices(schema: Mapping[str, Json]) -> list[Json] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _joined(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _words(types: frozenset[str] | set[str]) -> str:
    return " or ".join(sorted(types))
