"""Finds out where a contract has become narrower: values that an older build accepted, and that a newer one refuses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Final

from saga.core.definition.contract import Contract
from saga.core.definition.json_value import Json
from saga.core.definition.known_type import Comparison, KnownType, Misfit, clauses, known_type, within, words

REASONS_MAX: Final = 5
_WIDER: Final = {"integer": "number"}
_LOWER_BOUNDS: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_UPPER_BOUNDS: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")


def narrower(before: Contract, after: Contract) -> list[str]:
    """Returns the first few reasons, each with its field, why sagas that are under way may not fit the newer contract.

    Inputs that were accepted may be refused; so may recorded results, which its compensation reads.
    """
    inputs = narrowed(before.input_schema, after.input_schema)
    results = narrowed(before.output_schema, after.output_schema) if after.has_compensation else []
    return [*(f"input: {each}" for each in inputs), *(f"result: {each}" for each in results)][:REASONS_MAX]


def narrowed(before: Json, after: Json) -> list[str]:
    """Returns why values of the one JSON Schema may not fit the other; nothing if the other one is missing."""
    return clauses(_Narrowing().of_all(known_type(before), known_type(after)))


def missing_fields(given: Json, wanted: Json) -> list[str]:
    """Returns the fields that the one JSON Schema requires and the other does not know: no value of it can have them."""
    (old, *others), new = known_type(given).alternatives(), known_type(wanted).alternatives()
    if others or len(new) > 1 or "properties" not in old.schema:
        return []
    return [name for name in new[0].required if name not in old.properties]


class _Narrowing(Comparison):
    """Finds out why values of the older type may not fit the newer one: each alternative of the older must fit one of the newer."""

    def of_all(self, old: KnownType, new: KnownType) -> Iterator[Misfit]:
        return chain.from_iterable(self.of_each(old, new))

    def misfits(self, given: KnownType, wanted: KnownType) -> Iterator[Misfit]:
        before, after = given.types, wanted.types
        if after and not before:
            yield "", f"could be anything, and must be {words(after)} now"
            return
        if after and (lost := {each for each in before - after if _WIDER.get(each) not in after}):
            yield "", f"could be {words(lost)}, and must be {words(after)} now"
            return
        yield from (("", reason) for reason in _limits(given.schema, wanted.schema))
        yield from self._fields(given, wanted)
        if isinstance(wanted.schema.get("items"), Mapping):
            items = given.at(given.schema.get("items", {})), wanted.at(wanted.schema["items"])
            yield from within("[0]", self.of_all(*items))

    def _fields(self, old: KnownType, new: KnownType) -> Iterator[Misfit]:
        for name in new.required:
            if name not in old.required:
                yield name, "is required now"
        for name, schema in old.properties.items():
            if name in new.properties:
                yield from within(name, self.of_all(old.at(schema), new.at(new.properties[name])))
            elif new.schema.get("additionalProperties") is False:
                yield name, "is not accepted any more"


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
