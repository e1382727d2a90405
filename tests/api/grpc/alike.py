"""Compares a message with the document that REST answers. It shares no code with what fills the messages."""

from __future__ import annotations

import json
import re
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp


def differences(message: Message, document: dict[str, Any], place: str = "") -> list[str]:
    """The places at which they are not alike. `now` may differ: the answers come one after the other."""
    found = list[str]()
    fields = {
        field.json_name if field.json_name in document else field.name: field for field in message.DESCRIPTOR.fields
    }
    for name, value in document.items():
        if name == "now":
            continue
        if name not in fields:
            found.append(f"{place}.{name}: there is no such field")
        else:
            found += _of_field(message, fields[name], value, f"{place}.{name}")
    return found


def _of_field(message: Message, field: Any, value: Any, place: str) -> list[str]:
    got = getattr(message, field.name)
    if value is None:
        is_set = any(one.name == field.name for one, _ in message.ListFields())
        return [f"{place}: {got} instead of null"] if is_set else []
    if isinstance(value, list):
        if len(got) != len(value):
            return [f"{place}: {len(got)} entries instead of {len(value)}"]
        pairs = enumerate(zip(got, value, strict=True))
        return [line for at, (one, other) in pairs for line in _of_entry(one, other, f"{place}[{at}]")]
    if isinstance(got, Message) and not isinstance(got, Timestamp):
        return differences(got, value, place)
    shown = _shown(field, got)
    return [] if shown == _expected(field, value) else [f"{place}: {shown!r} instead of {value!r}"]


def _of_entry(got: Any, value: Any, place: str) -> list[str]:
    if isinstance(value, list):
        (field,) = got.DESCRIPTOR.fields
        return _of_field(got, field, value, place)
    if isinstance(value, dict):
        return differences(got, value, place)
    return [] if got == value else [f"{place}: {got!r} instead of {value!r}"]


def _shown(field: Any, got: Any) -> Any:
    if isinstance(got, Timestamp):
        return got.ToJsonString()
    if isinstance(got, bytes):
        return json.loads(got)
    if field.enum_type is not None:
        return field.enum_type.values_by_number[got].name
    return dict(got) if hasattr(got, "items") else got


def _expected(field: Any, value: Any) -> Any:
    if field.enum_type is not None:
        prefix = re.sub("(?<!^)(?=[A-Z])", "_", field.enum_type.name).upper()
        return f"{prefix}_{re.sub('[^A-Z]+', '_', value.upper()).strip('_')}"
    if field.message_type is Timestamp.DESCRIPTOR:
        return re.sub(r"\.000Z$", "Z", value)
    return value
