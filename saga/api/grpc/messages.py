"""Documents as messages of `saga.v1`, and fields of requests as the words of documents. The fields have the names of the documents.

A text of a closed list is an enum: `quarantined (voiding)` is STEP_STATE_QUARANTINED_VOIDING. Payloads are JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, TypeVar, cast

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import BaseModel, ValidationError

from saga.api.calls.answers import Document
from saga.api.guard import check_depth
from saga.api.problems import REFUSED, USAGE, Problem, misfit
from saga.core.definition.json_value import Json
from saga.inspection.instants import with_texts

M = TypeVar("M", bound=Message)
Model = TypeVar("Model", bound=BaseModel)
UNSPECIFIED: Final = 0
_NOT_OF_NAMES: Final = re.compile(r"[^A-Za-z0-9]+")


def filled(message: M, document: Mapping[str, Json]) -> M:
    """The message with what the document says. What is None, or has no field, is left out."""
    for field in cast("Sequence[FieldDescriptor]", message.DESCRIPTOR.fields):
        value = document.get(field.name, document.get(field.json_name))
        if value is not None:
            _set(message, field, value)
    return message


def _set(message: Message, field: FieldDescriptor, value: Json) -> None:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        getattr(message, field.name).update(value)
    elif isinstance(value, list) and field.message_type is not None:
        for one in value:
            added = getattr(message, field.name).add()
            filled(added, one if isinstance(one, dict) else {added.DESCRIPTOR.fields[0].name: one})
    elif isinstance(value, list):
        getattr(message, field.name).extend(value)
    elif field.message_type is Timestamp.DESCRIPTOR:
        getattr(message, field.name).FromMilliseconds(int(value * 1000))
    elif field.message_type is not None:
        getattr(message, field.name).SetInParent()
        filled(getattr(message, field.name), value)
    else:
        setattr(message, field.name, _scalar(field, value))


def _scalar(field: FieldDescriptor, value: Json) -> Json:
    if field.enum_type is not None:
        return number_of(field.enum_type, value)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return json.dumps(with_texts(value), ensure_ascii=False).encode()
    return value


def number_of(enum: EnumDescriptor, word: str) -> int:
    """The value of an enum that stands for a word; UNSPECIFIED, if this build's protos do not have it."""
    return _numbers(enum).get(_NOT_OF_NAMES.sub("_", word).strip("_").upper(), UNSPECIFIED)


@lru_cache
def _numbers(enum: EnumDescriptor) -> dict[str, int]:
    prefix = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", enum.name).upper() + "_"
    return {value.name.removeprefix(prefix): value.number for value in enum.values}


def word_of(enum: EnumDescriptor, number: int, words: tuple[str, ...]) -> str:
    """The word that a value of a request stands for. Raises Problem."""
    for word in words:
        if number and number_of(enum, word) == number:
            return word
    known = ", ".join(value.name for value in enum.values if value.number)
    raise Problem(USAGE, f"{enum.name}: {number} is not one of {known}")


def valid(model: type[Model], fields: Document) -> Model:
    """The fields of a request as REST checks them. Raises Problem."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise misfit(REFUSED, error.errors()) from None


def payload_in(data: bytes, name: str) -> Json:
    """The JSON in a field of a request. Raises Problem."""
    check_depth(data)
    try:
        return json.loads(data, parse_constant=_refused)
    except ValueError as error:
        raise Problem(USAGE, f"{name}: not JSON: {error}") from None


def _refused(constant: str) -> None:
    raise ValueError(f"JSON does not have {constant}")


def given(message: Message) -> Document:
    """The fields of a request that are set, by name. Raises Problem for a text that no store takes."""
    found: Document = {}
    for field, value in message.ListFields():
        found[field.name] = dict(value) if field.message_type is not None and not isinstance(value, Message) else value
    if any("\x00" in text for value in found.values() for text in _texts(value)):
        raise Problem(USAGE, "no text of a saga has the character NUL")
    return found


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (part for pair in value.items() for part in pair)
