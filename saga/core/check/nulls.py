"""Warns of values that may be null where the handler takes no null: such an input reaches no handler."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from saga.core.check.finding import Code, Finding, warning
from saga.core.check.recorded_types import RecordedTypes, part_of
from saga.core.condition.condition import condition_fault
from saga.core.condition.paths_read import paths_read
from saga.core.definition.contract import Contract
from saga.core.definition.json_value import Json
from saga.core.definition.known_type import KnownType, joined, known_type
from saga.core.definition.outline import StepOutline
from saga.core.definition.paths import DEFAULT_KEY, PATH_KEY, Segment, path_text, plain_key


def null_findings(types: RecordedTypes, step: StepOutline, contract: Contract, place: str) -> Iterator[Finding]:
    """Finds recorded values that may be null, unless they have a default, or the condition of the step reads them."""
    for clause in _nulls(types, step, step.inputs, known_type(contract.input_schema), ""):
        reason = f"{clause}, and {contract.name} takes no null there."
        yield warning(
            Code.MAY_BE_NULL, place, reason, f"Give a default with .or_(...), or let {contract.name} take null."
        )


def _nulls(types: RecordedTypes, step: StepOutline, template: Json, wanted: KnownType, place: str) -> Iterator[str]:
    if isinstance(template, dict) and PATH_KEY in template:
        if DEFAULT_KEY not in template and not _is_guarded(step, template[PATH_KEY]):
            yield from _nulls_of_path(types, template[PATH_KEY], wanted, place)
        return
    for segment, entry in _parts(template):
        part = part_of(wanted, segment)
        if part is not None:
            yield from _nulls(types, step, entry, part, joined(place, _shown(segment)))


def _nulls_of_path(types: RecordedTypes, path: list[Json], wanted: KnownType, place: str) -> Iterator[str]:
    null = types.null_at(path)
    if null is not None and not wanted.takes_null:
        yield f"{place or 'it'} may be null (it is {path_text(path)})"
    elif null is not None and len(null) < len(path):
        yield f"{place or 'it'} cannot be read where {path_text(null)} is null (it is {path_text(path)})"


def _parts(template: Json) -> Iterable[tuple[Segment, Json]]:
    if isinstance(template, list):
        return enumerate(template)
    return ((plain_key(key), entry) for key, entry in template.items()) if isinstance(template, dict) else ()


def _is_guarded(step: StepOutline, path: list[Json]) -> bool:
    """Returns whether the condition of the step reads the value, or something of it, or something that it is a part of."""
    if step.condition is None or condition_fault(step.condition) is not None:
        return False
    pairs = (zip(each, path, strict=False) for each in paths_read(step.condition))
    return any(all(one == other for one, other in pair) for pair in pairs)


def _shown(segment: Segment) -> str:
    return segment if isinstance(segment, str) else f"[{segment}]"
