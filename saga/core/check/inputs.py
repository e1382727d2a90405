"""Compares the inputs of steps, and the paths into results, conditions included, with the contracts of the services."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from saga.core.check.branches import condition_texts
from saga.core.check.finding import Code, Finding, error
from saga.core.check.place import step_place, title
from saga.core.condition.condition import condition_fault
from saga.core.condition.paths_read import paths_read
from saga.core.definition.contract import Contract
from saga.core.definition.json_value import Json
from saga.core.definition.known_type import KnownType, joined, known_type, type_misfits, words
from saga.core.definition.outline import Outline, StepOutline
from saga.core.definition.paths import OUTPUT, PATH_KEY, path_text, paths, plain_key
from saga.core.definition.schema import misfits
from saga.core.nearest import did_you_mean

_RESULT_PREFIX: Final = 3  # "steps", the name, "output"
_INPUT_PREFIX: Final = 1
_ANYTHING: Final = known_type(None)


def input_findings(outline: Outline, contracts: Mapping[str, Contract]) -> Iterator[Finding]:
    """Finds the inputs that no handler can take, and the paths that no result has."""
    types = _Types(outline, contracts)
    for step in outline.calls:
        place = step_place(outline, step)
        found = list(_path_findings(types, step.inputs, f"{place}, inputs"))
        yield from found or _misfit_findings(types, outline, step, contracts)
    for each in outline.steps:
        for word, text in condition_texts(each):
            yield from _condition_findings(types, text, f"{step_place(outline, each)}, {word}")
    yield from _path_findings(types, outline.returns, f"{title(outline)}, returns")


def _misfit_findings(
    types: _Types, outline: Outline, step: StepOutline, contracts: Mapping[str, Contract]
) -> Iterator[Finding]:
    contract = contracts.get(step.contract_name)
    if contract is None:
        return
    wanted = known_type(contract.input_schema)
    if step.inputs is None:
        place, remedy = step_place(outline, step), f"Set inputs= to what {contract.name} takes, or change the input."
        reasons = [f"The saga's input does not fit {contract.name}: {each}." for each in _of_input(types, wanted)]
    else:
        place, remedy = f"{step_place(outline, step)}, inputs", f"The contract of {contract.name} says what it takes."
        reasons = [
            f"{contract.name} cannot take them: {each}." for each in _of_template(types, step.inputs, wanted, "")
        ]
    for reason in reasons:
        yield error(Code.INPUTS_MISFIT, place, reason, remedy)


def _of_input(types: _Types, wanted: KnownType) -> list[str]:
    return type_misfits(types.input, wanted, "")


def _of_template(types: _Types, template: Json, wanted: KnownType, place: str) -> list[str]:
    """Returns why a template does not fit a type: for a union, why it does not fit the closest member."""
    return min((list(_misfits(types, template, each, place)) for each in wanted.alternatives()), key=len)


def _misfits(types: _Types, template: Json, wanted: KnownType, place: str) -> Iterator[str]:
    if isinstance(template, dict) and PATH_KEY in template:
        path = template[PATH_KEY]
        faults = type_misfits(types.at(path), wanted, place)
        yield from (f"{fault} (it is {path_text(path)})" for fault in faults)
    elif isinstance(template, dict):
        yield from _object_misfits(types, template, wanted, place)
    elif isinstance(template, list):
        if wanted.types and "array" not in wanted.types:
            yield f"{place or 'it'} is a list, not {words(wanted.types)}"
        elif "prefixItems" not in wanted.schema:
            for position, entry in enumerate(template):
                items = wanted.at(wanted.schema.get("items", {}))
                yield from _of_template(types, entry, items, f"{place}[{position}]")
    else:
        faults = misfits({**wanted.schema, "$defs": wanted.definitions}, template)
        yield from (f"{place or 'it'} does not fit: {fault}" for fault in faults)


def _object_misfits(types: _Types, template: Json, wanted: KnownType, place: str) -> Iterator[str]:
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


def _path_findings(types: _Types, template: Json, place: str) -> Iterator[Finding]:
    for path in paths(template):
        if path[0] != "input" and (fault := types.path_fault(path)):
            yield error(Code.FIELD_UNKNOWN, place, *fault)


def _condition_findings(types: _Types, text: str, place: str) -> Iterator[Finding]:
    """Finds the paths of a sound condition into results that their contracts do not have."""
    if condition_fault(text) is None:
        for path in paths_read(text):
            if path[0] == "steps" and path[2] == OUTPUT and (fault := types.path_fault(list(path))):
                yield error(Code.FIELD_UNKNOWN, place, *fault)


@dataclass(frozen=True)
class _Types:
    """The types of the values that paths lead to, as far as the input's type and the contracts tell."""

    outline: Outline
    contracts: Mapping[str, Contract]

    @property
    def input(self) -> KnownType:
        return known_type(self.outline.input_schema)

    def at(self, path: list[Json]) -> KnownType:
        """The type of the value that a path leads to; anything where that is not known."""
        found, _ = self._follow(path)
        return found

    def path_fault(self, path: list[Json]) -> tuple[str, str] | None:
        """The reason why a path leads nowhere, and the way out; None if it may lead somewhere."""
        _, reached = self._follow(path)
        if reached is None:
            return None
        above, segment = reached
        start = path_text(path[: len(path) - len(segment)])
        fields = [name for each in above.alternatives() for name in each.properties]
        known = f"The fields are: {', '.join(fields)}." if fields else "Shorten the path."
        remedy = f"{did_you_mean(str(segment[0]), fields)} {known}".strip()
        return f"{start} has no {segment[0]!r}, says the contract of its step.", remedy

    def _follow(self, path: list[Json]) -> tuple[KnownType, tuple[KnownType, list[Json]] | None]:
        """The type at the end of a path. If the path breaks off: anything, with the last type and the segments left."""
        found, start = self._start(path)
        for position in range(start, len(path)):
            parts = [part for each in found.alternatives() if (part := each.part(path[position])) is not None]
            if not parts:
                return _ANYTHING, (found, path[position:])
            found = parts[0] if len(parts) == 1 else found.at({"anyOf": [part.schema for part in parts]})
        return found, None

    def _start(self, path: list[Json]) -> tuple[KnownType, int]:
        if path[0] == "input":
            return self.input, _INPUT_PREFIX
        position = self.outline.positions.get(path[1])
        step = None if position is None else self.outline.steps[position]
        contract = self.contracts.get(step.contract_name) if isinstance(step, StepOutline) else None
        return (_ANYTHING if contract is None else known_type(contract.output_schema)), _RESULT_PREFIX
