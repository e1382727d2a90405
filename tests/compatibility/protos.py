"""The protos of the gRPC API as lines: one for each method, message, field and value. A line that is gone breaks clients."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    MethodDescriptorProto,
)

from saga.v1 import definitions_pb2, roles_pb2, sagas_pb2

_PREFIX: Final = len("TYPE_")


def files() -> list[FileDescriptorProto]:
    """The protos of the API, as they are compiled into the stubs."""
    return [_described(module) for module in (roles_pb2, sagas_pb2, definitions_pb2)]


def _described(module: object) -> FileDescriptorProto:
    found = FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(found)  # type: ignore[attr-defined]
    return found


def lines_of(file: FileDescriptorProto) -> list[str]:
    return list(_lines(file))


def _lines(file: FileDescriptorProto) -> Iterator[str]:
    for service in file.service:
        yield from (_method(f"{file.package}.{service.name}", method) for method in service.method)
    for enum in file.enum_type:
        yield from _values(file.package, enum)
    for message in file.message_type:
        yield from _fields(file.package, message)
    for option in file.extension:
        yield f"extension of {option.extendee[1:]}: {file.package}.{_field(option)}"


def _method(service: str, method: MethodDescriptorProto) -> str:
    asked = ("stream " if method.client_streaming else "") + method.input_type[1:]
    answered = ("stream " if method.server_streaming else "") + method.output_type[1:]
    numbers: list[int] = method.options.Extensions[roles_pb2.needs]  # type: ignore[index]
    roles = " or ".join(map(roles_pb2.Role.Name, numbers))
    return f"method {service}.{method.name}({asked}) -> {answered}, {roles}"


def _values(place: str, enum: EnumDescriptorProto) -> Iterator[str]:
    for value in enum.value:
        yield f"value {place}.{enum.name} {value.number} {value.name}"


def _fields(place: str, message: DescriptorProto) -> Iterator[str]:
    name = f"{place}.{message.name}"
    yield f"message {name}"
    for field in message.field:
        is_in_group = field.HasField("oneof_index") and not field.proto3_optional
        of = f", one of {message.oneof_decl[field.oneof_index].name}" if is_in_group else ""
        yield f"field {name}.{_field(field)}{of}"
    for nested in message.nested_type:
        yield from _fields(name, nested)
    for enum in message.enum_type:
        yield from _values(name, enum)


def _field(field: FieldDescriptorProto) -> str:
    kind = field.type_name[1:] or FieldDescriptorProto.Type.Name(field.type)[_PREFIX:].lower()
    repeated = "repeated " if field.label == FieldDescriptorProto.LABEL_REPEATED else ""
    optional = "optional " if field.proto3_optional else ""
    usual = re.sub("_(.)", lambda found: found[1].upper(), field.name)
    in_json = f", in JSON {field.json_name}" if field.json_name not in ("", usual) else ""
    return f"{field.name} {field.number} {optional}{repeated}{kind}{in_json}"
