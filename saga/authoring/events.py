"""The events for which a definition waits: their names, and the types of what comes with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pydantic_core import from_json

from saga.authoring.input_type import AnyType, InputType
from saga.authoring.path import holds_path
from saga.authoring.shape import UNKNOWN, Fields
from saga.codec.codec import Misfit, Unreadable, Value, encode_untyped
from saga.core.check.finding import Code, refused
from saga.core.definition.json_value import Json
from saga.core.text import shown_value
from saga.errors import UsageError

NOT_GIVEN: Final = object()
"""Stands for a keyword that was left out, where None is a value."""
EVENT, PAYLOAD = "event", "payload"
"""The parts of the output of a wait for several events."""


class Events:
    """Knows the type of each event of one definition."""

    def __init__(self) -> None:
        self._types: dict[str, InputType] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the events."""
        return tuple(self._types)

    @property
    def schemas(self) -> Json:
        """The JSON Schemas of the events that have one, by their names; None if there are none."""
        found = {name: schema for name, kind in self._types.items() if (schema := kind.schema) is not None}
        return found or None

    @property
    def faults(self) -> tuple[str, ...]:
        """The reasons why payloads that are written could not be read back."""
        return tuple(f"{name}: {fault}" for name, kind in self._types.items() for fault in kind.faults)

    def add(self, place: str, types: Mapping[str, AnyType]) -> None:
        """Adds the events of a wait. Raises DefinitionError: another wait has another type for one of them."""
        for name, kind in types.items():
            known = self._types.setdefault(name, InputType(kind))
            if not known.is_same(InputType(kind)):
                reason = f"Another wait for {name} has another type."
                raise refused(Code.EVENT_INVALID, place, reason, "Give both the same type, or the events two names.")

    def shape(self, names: Sequence[str]) -> object:
        """The shape of the output of a wait for these."""
        payload, *others = [self._types[name].shape for name in names]
        if len(names) == 1:
            return payload
        return Fields({EVENT: str, PAYLOAD: payload if all(other == payload for other in others) else UNKNOWN})

    def encode(self, name: str, payload: Value) -> bytes:
        """Writes a payload as JSON. Raises UsageError, Misfit or Unreadable, see `Definition.encode_event`."""
        if name not in self._types:
            raise UsageError(f"No step waits for the event {name}. The events are: {', '.join(self._types) or 'none'}.")
        return self._types[name].encode(payload)

    def otherwise(self, place: str, names: Sequence[str], value: object) -> Json:
        """The stored form of the value with which a wait succeeds when its time is over. Raises DefinitionError."""
        if holds_path(value):
            reason = "otherwise= has a recorded path in it, and must be a value that is known now."
            raise refused(Code.EVENT_INVALID, place, reason, "Let a later step read the path if the wait was rejected.")
        try:
            if len(names) == 1:
                return {"value": from_json(self.encode(names[0], value))}
            return {"value": self._answer(value)}
        except (Misfit, Unreadable, ValueError) as fault:
            reason = f"otherwise={shown_value(value)} does not fit: {fault}."
            raise refused(Code.EVENT_INVALID, place, reason, "Set a value that could be the output.") from fault

    def _answer(self, value: Value) -> Json:
        if not isinstance(value, Mapping) or value.keys() != {EVENT, PAYLOAD} or not isinstance(value[EVENT], str):
            raise ValueError(f"of several events, it is {{{EVENT!r}: a name, {PAYLOAD!r}: a value}}")
        is_known = value[EVENT] in self._types
        data = self.encode(value[EVENT], value[PAYLOAD]) if is_known else encode_untyped(value[PAYLOAD])
        return {EVENT: value[EVENT], PAYLOAD: from_json(data)}


def types_of(place: str, events: str | Iterable[str] | Mapping[str, AnyType], kind: AnyType) -> dict[str, AnyType]:
    """The type of each event that a wait names. Raises DefinitionError: it names none, or has types twice."""
    if isinstance(events, Mapping):
        if kind is not None:
            reason = "It has a type for each event, and one for all of them."
            raise refused(Code.EVENT_INVALID, place, reason, "Leave out the second argument.")
        found = dict(events)
    else:
        found = dict.fromkeys([events] if isinstance(events, str) else events, kind)
    if not found:
        raise refused(Code.EVENT_INVALID, place, "It waits for nothing.", "Name the event, or several.")
    return found
