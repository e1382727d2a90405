"""The types of the values that recorded paths lead to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from saga.core.definition.contract import Contract
from saga.core.definition.json_value import Json
from saga.core.definition.known_type import KnownType, known_type
from saga.core.definition.outline import Outline, StepOutline, WaitOutline
from saga.core.definition.paths import REASON, Segment, path_text
from saga.core.nearest import did_you_mean

_RESULT_PREFIX: Final = 3  # "steps", the name, "output"
_INPUT_PREFIX: Final = 1
_ANYTHING: Final = known_type(None)
_TEXT: Final = known_type({"type": "string"})


def part_of(kind: KnownType, segment: Segment) -> KnownType | None:
    """The type of a field or an entry, in whichever members of a union have it; None if none has."""
    parts = [part for each in kind.alternatives() if (part := each.part(segment)) is not None]
    if len(parts) > 1:
        return kind.at({"anyOf": [part.schema for part in parts]})
    return parts[0] if parts else None


@dataclass(frozen=True)
class RecordedTypes:
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

    def null_at(self, path: list[Json]) -> list[Json] | None:
        """The first part of a path, or the whole of it, whose type says that it may be null; None if there is none."""
        start = _INPUT_PREFIX if path[0] == "input" else _RESULT_PREFIX
        parts = (path[:end] for end in range(start, len(path) + 1))
        return next((part for part in parts if self.at(part).names_null), None)

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
        position = self.outline.positions.get(path[1])
        is_wait = position is not None and isinstance(self.outline.steps[position], WaitOutline)
        source = "type of its event" if is_wait else "contract of its step"
        return f"{start} has no {segment[0]!r}, says the {source}.", remedy

    def _follow(self, path: list[Json]) -> tuple[KnownType, tuple[KnownType, list[Json]] | None]:
        """The type at the end of a path. If the path breaks off: anything, with the last type and the segments left."""
        found, start = self._start(path)
        for position in range(start, len(path)):
            part = part_of(found, path[position])
            if part is None:
                return _ANYTHING, (found, path[position:])
            found = part
        return found, None

    def _start(self, path: list[Json]) -> tuple[KnownType, int]:
        if path[0] == "input":
            return self.input, _INPUT_PREFIX
        if path[2] == REASON:
            return _TEXT, len(path)
        position = self.outline.positions.get(path[1])
        step = None if position is None else self.outline.steps[position]
        if isinstance(step, WaitOutline):
            return _event_type(step.names, self.outline.event_schemas or {}), _RESULT_PREFIX
        contract = self.contracts.get(step.contract_name) if isinstance(step, StepOutline) else None
        return (_ANYTHING if contract is None else known_type(contract.output_schema)), _RESULT_PREFIX


def _event_type(names: Sequence[str], schemas: Mapping[str, Json]) -> KnownType:
    """The type of the output of a wait: the payload of its event, or of several names the one that came and its payload."""
    payload, *others = [schemas.get(name) for name in names] or [None]
    if len(names) <= 1:
        return known_type(payload)
    payload = payload if all(other == payload for other in others) else None
    properties = {"event": {"type": "string"}, "payload": payload or {}}
    return KnownType({"type": "object", "properties": properties}, known_type(payload).definitions)
