"""Compares the inputs of steps, and the paths into results, conditions included, with the contracts of the services."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from saga.core.check.branches import condition_texts
from saga.core.check.finding import Code, Finding, error
from saga.core.check.nulls import null_findings
from saga.core.check.place import step_place, title
from saga.core.check.recorded_types import RecordedTypes
from saga.core.condition.condition import condition_fault
from saga.core.condition.paths_read import flags_of, paths_read
from saga.core.definition.contract import Contract
from saga.core.definition.json_value import Json
from saga.core.definition.known_type import KnownType, count_words, joined, known_type, type_misfits, words
from saga.core.definition.outline import Outline, StepOutline
from saga.core.definition.paths import DEFAULT_KEY, OUTPUT, PATH_KEY, path_text, paths, plain_key
from saga.core.definition.schema import misfits
from saga.core.nearest import did_you_mean

TEMPLATE_REMEDY: Final = "Map another value in inputs=, or change what {} takes."


def input_findings(outline: Outline, contracts: Mapping[str, Contract]) -> Iterator[Finding]:
    """Finds the inputs that no handler can take, and the paths that no result has."""
    types = RecordedTypes(outline, contracts)
    for step in outline.calls:
        place = step_place(outline, step)
        found = list(_path_findings(types, step.inputs, f"{place}, inputs"))
        yield from found or _misfit_findings(types, outline, step, contracts)
    for each in outline.steps:
        for word, text in condition_texts(each):
            yield from _condition_findings(types, text, f"{step_place(outline, each)}, {word}")
    yield from _path_findings(types, outline.returns, f"{title(outline)}, returns")


def _misfit_findings(
    types: RecordedTypes, outline: Outline, step: StepOutline, contracts: Mapping[str, Contract]
) -> Iterator[Finding]:
    contract = contracts.get(step.contract_name)
    if contract is None:
        return
    wanted = known_type(contract.input_schema)
    if step.inputs is None:
        place, remedy = step_place(outline, step), f"Set inputs= to what {contract.name} takes, or change the input."
        reasons = [f"The saga's input does not fit {contract.name}: {each}." for each in _of_input(types, wanted)]
    else:
        place, remedy = f"{step_place(outline, step)}, inputs", TEMPLATE_REMEDY.format(contract.name)
        reasons = [
            f"{contract.name} cannot take them: {each}." for each in _of_template(types, step.inputs, wanted, "")
        ]
    for reason in reasons:
        yield error(Code.INPUTS_MISFIT, place, reason, remedy)
    if not reasons:
        yield from null_findings(types, step, contract, place)


def _of_input(types: RecordedTypes, wanted: KnownType) -> list[str]:
    return type_misfits(types.input, wanted, "")


def _of_template(types: RecordedTypes, template: Json, wanted: KnownType, place: str) -> list[str]:
    """Returns why a template does not fit a type: for a union, why it does not fit the closest member."""
    return min((list(_misfits(types, template, each, place)) for each in wanted.alternatives()), key=len)


def _misfits(types: RecordedTypes, template: Json, wanted: KnownType, place: str) -> Iterator[str]:
    if isinstance(template, dict) and PATH_KEY in template:
        path = template[PATH_KEY]
        faults = type_misfits(types.at(path), wanted, place)
        yield from (f"{fault} (it is {path_text(path)})" for fault in faults)
        if DEFAULT_KEY in template:
            defaults = _of_template(types, template[DEFAULT_KEY], wanted, place)
            yield from (f"{fault} (it is the default of {path_text(path)})" for fault in defaults)
    elif isinstance(template, dict):
        yield from _object_misfits(types, template, wanted, place)
    elif isinstance(template, list):
        if wanted.types and "array" not in wanted.types:
            yield f"{place or 'it'} is a list, not {words(wanted.types)}"
        elif not wanted.entry_count[0] <= len(template) <= wanted.entry_count[1]:
            yield f"{place or 'it'} has {len(template)} entries, not {count_words(wanted)}"
        else:
            for position, entry in enumerate(template):
                yield from _of_template(types, entry, wanted.entry(position), f"{place}[{position}]")
    else:
        faults = misfits({**wanted.schema, "$defs": wanted.definitions}, template)
        yield from (f"{place or 'it'} does not fit: {fault}" for fault in faults)


def _object_misfits(types: RecordedTypes, template: Json, wanted: KnownType, place: str) -> Iterator[str]:
    if not wanted.types:
        return
    if "object" not in wanted.types:
        yield f"{place or 'it'} is an object, not {words(wanted.types)}"
        return
    written = {plain_key(key): entry for key, entry in template.items()}
    yield from (f"{joined(place, name)} is missing" for name in wanted.required if name not in written)
    for name, entry in written.items():
        below = joined(place, name)
        if name in wanted.properties or not wanted.is_closed:
            schema = wanted.properties.get(name, wanted.schema.get("additionalProperties", {}))
            yield from _of_template(types, entry, wanted.at(schema), below)
        else:
            suggestion = did_you_mean(name, wanted.properties) or f"The fields are: {', '.join(wanted.properties)}"
            yield f"{below} is unknown. {suggestion}".removesuffix("?").removesuffix(".")


def _path_findings(types: RecordedTypes, template: Json, place: str) -> Iterator[Finding]:
    for path in paths(template):
        if path[0] != "input" and (fault := types.path_fault(path)):
            yield error(Code.FIELD_UNKNOWN, place, *fault)


def _condition_findings(types: RecordedTypes, text: str, place: str) -> Iterator[Finding]:
    """Finds the paths of a sound condition into results that their contracts do not have, and flags that are never true."""
    if condition_fault(text) is None:
        for path in paths_read(text):
            if path[0] == "steps" and path[2] == OUTPUT and (fault := types.path_fault(list(path))):
                yield error(Code.FIELD_UNKNOWN, place, *fault)
        for path in flags_of(text):
            kinds = [each.types for each in types.at(list(path)).alternatives()]
            if all(kinds) and not any("boolean" in each for each in kinds):
                reason = f"{path_text(path)} is {words(frozenset().union(*kinds))}, and never true."
                yield error(
                    Code.CONDITION_INVALID,
                    place,
                    reason,
                    f"Compare it with what it may be, as in {path_text(path)} == ....",
                )
