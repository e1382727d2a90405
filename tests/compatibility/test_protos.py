"""The guard of the protos: a difference that breaks clients loses a line, growth does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

from saga.v1 import roles_pb2
from tests.compatibility.protos import files, lines_of


def sagas_proto() -> FileDescriptorProto:
    (found,) = [file for file in files() if file.name == "saga/v1/sagas.proto"]
    return found


def message(file: FileDescriptorProto, name: str) -> DescriptorProto:
    return next(one for one in file.message_type if one.name == name)


def field(file: FileDescriptorProto, name: str, of: str) -> FieldDescriptorProto:
    return next(one for one in message(file, of).field if one.name == name)


def first_role(file: FileDescriptorProto) -> None:
    file.service[0].method[0].options.Extensions[roles_pb2.needs][:] = [roles_pb2.ROLE_ADMIN]  # type: ignore[index]


BREAKING: list[tuple[Callable[[FileDescriptorProto], object], str]] = [
    (lambda new: new.service[0].method.pop(0), "Sagas.StartSaga("),
    (lambda new: setattr(new.service[0].method[0], "server_streaming", True), "Sagas.StartSaga("),
    (lambda new: setattr(new.service[0].method[0], "output_type", ".saga.v1.End"), "Sagas.StartSaga("),
    (first_role, "ROLE_STARTER"),
    (lambda new: setattr(field(new, "key", "StartSagaRequest"), "number", 9), "StartSagaRequest.key 4"),
    (lambda new: setattr(field(new, "key", "StartSagaRequest"), "type", 12), "key 4 optional string"),
    (lambda new: setattr(field(new, "key", "StartSagaRequest"), "proto3_optional", False), "key 4 optional"),
    (lambda new: setattr(field(new, "key", "StartSagaRequest"), "name", "start_key"), "StartSagaRequest.key 4"),
    (lambda new: setattr(field(new, "with_parts", "GetSagaRequest"), "json_name", "parts"), "in JSON with"),
    (lambda new: setattr(field(new, "steps", "Saga"), "label", 1), "steps 18 repeated"),
    (lambda new: setattr(field(new, "phase", "Saga"), "type_name", ".saga.v1.Status"), "saga.v1.Phase"),
    (lambda new: field(new, "rejected", "CompleteStepRequest").ClearField("oneof_index"), "one of outcome"),
    (lambda new: message(new, "StartSagaRequest").nested_type[0].field.pop(), "TagsEntry.value"),
    (lambda new: new.message_type.remove(message(new, "Reset")), "message saga.v1.Reset"),
    (lambda new: new.enum_type[0].value.pop(), "PHASE_ABANDONED"),
    (lambda new: setattr(new.enum_type[0].value[1], "number", 8), "Phase 1 PHASE_RUNNING"),
]


@pytest.mark.parametrize(("change", "said"), BREAKING)
def test_a_breaking_difference_is_found(change: Callable[[FileDescriptorProto], object], said: str) -> None:
    old, new = sagas_proto(), sagas_proto()
    change(new)

    assert said in "\n".join(set(lines_of(old)) - set(lines_of(new)))


def test_growth_is_not_a_breaking_difference() -> None:
    old, new = sagas_proto(), sagas_proto()
    new.service[0].method.add(name="More", input_type=".saga.v1.End", output_type=".saga.v1.End")
    new.message_type.add(name="More").field.add(name="more", number=1)
    new.enum_type[0].value.add(name="PHASE_MORE", number=99)
    message(new, "End").field.add(name="more", number=99)

    assert set(lines_of(old)) - set(lines_of(new)) == set()
