"""The wire format, and that old and new builds read each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga.core.definition.json_value import Json
from saga.core.state.operation import Operation
from saga.ports.bus import Message, check_headers
from saga.runtime.bus.wire import COMMAND_BYTES_MAX, FORMAT, NoCommand, WireCommand, decode, encode, headers
from tests.docs.page import ROOT
from tests.runtime.bus.first_build import first_reader, first_writer

SCHEMA: dict[str, Any] = json.loads((ROOT / "docs/reference/command.schema.json").read_text())
RECORDED = (Path(__file__).parent / "recorded_commands.jsonl").read_text().splitlines()
SAGA = UUID("0197c2a4-6b1c-7f0b-9d0a-73616761696b")
ATTRIBUTES = {"specversion", "id", "type", "source", "subject"}

hashes = st.sampled_from(["", "ab" * 32])
commands = st.builds(
    WireCommand,
    saga=st.uuids(),
    step=st.integers(0, 2**15 - 1),
    operation=st.sampled_from(Operation),
    definition=hashes,
    input=hashes,
    topic=st.sampled_from(["", "saga.saga.inventory"]),
    issued=st.integers(0, 2**53 - 1),
    expires=st.integers(0, 2**53 - 1),
)


def message(body: bytes, key: bytes = b"") -> Message:
    return Message("saga.saga.inventory", key, body)


def test_a_command_without_optional_fields_is_written_as_by_the_first_build() -> None:
    assert json.loads(encode(WireCommand(SAGA, 1))) == {"v": 1, "saga": str(SAGA), "step": 1, "op": "E"}


@given(commands)
def test_a_written_command_is_read_and_fits_the_schema(command: WireCommand) -> None:
    body = encode(command)

    assert decode(message(body)) == command
    jsonschema.validate(json.loads(body), SCHEMA)


@pytest.mark.parametrize("line", RECORDED)
def test_the_new_reader_reads_what_every_build_has_written(line: str) -> None:
    recorded = json.loads(line)

    command = decode(message(recorded["body"].encode(), bytes.fromhex(recorded["key"])))

    assert [str(command.saga), command.step, command.operation.value] == recorded["means"]


@given(st.uuids(), st.integers(0, 2**15 - 1), st.sampled_from("ECO"))
def test_the_new_reader_reads_the_first_writer(saga: UUID, step: int, operation: str) -> None:
    command = decode(message(first_writer(saga, step, operation)))

    assert command == WireCommand(saga, step, Operation(operation))


@given(commands)
def test_the_first_reader_reads_the_new_writer(command: WireCommand) -> None:
    assert first_reader(encode(command)) == (command.saga, command.step, command.operation.value)


@given(commands, st.dictionaries(st.text(min_size=1).filter(lambda n: n not in SCHEMA["properties"]), st.text()))
def test_fields_of_a_later_build_are_ignored(command: WireCommand, later: dict[str, str]) -> None:
    body = json.dumps({**json.loads(encode(command)), **later}).encode()

    if len(body) <= COMMAND_BYTES_MAX:
        assert decode(message(body)) == command


def test_every_field_has_a_default() -> None:
    assert decode(message(b"{}", SAGA.bytes)) == WireCommand(SAGA)


def test_the_schema_has_the_fields_and_defaults_of_the_code() -> None:
    written = json.loads(encode(WireCommand(SAGA, 1, Operation.EXECUTE, "a", "b", "c", 1, 2)))
    bare = WireCommand(SAGA)
    defaults: dict[str, Json] = {"v": FORMAT, "saga": None, "op": bare.operation.value}
    defaults |= {name: getattr(bare, name) for name in ("step", "definition", "input", "topic", "issued", "expires")}

    assert {name: field["default"] for name, field in SCHEMA["properties"].items()} == defaults
    assert written.keys() == SCHEMA["properties"].keys()
    assert SCHEMA["properties"]["v"]["enum"] == [FORMAT]
    assert SCHEMA["properties"]["op"]["enum"] == [operation.value for operation in Operation]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"null", b"\xff", b"[" * 4_000, b'{"v": 2}', b'{"v": true}', b'{"v": 1.0}', b'{"step": -1}', b'{"step": 32768}',
        b'{"step": true}', b'{"step": 1e0}', b'{"op": "X"}', b'{"op": []}', b'{"saga": 7}', b'{"saga": "x"}', b'{"issued": NaN}',
        b'{"expires": -1}', b'{"issued": 9007199254740992}', b'{"definition": 1}', b'{"step": 1, "step": 1}',
        b'{"step": %s}' % (b"9" * 5_000),
        b'{"input": "%s"}' % (b"a" * 65), b'{"\\ud800": "\\ud800", "v": "\\ud800"}',
    ],
)  # fmt: skip
def test_a_body_that_is_not_a_command_is_refused_by_reader_and_schema(body: bytes) -> None:
    with pytest.raises(NoCommand):
        decode(message(body, SAGA.bytes))
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return
    if b"1.0" not in body and b"1e0" not in body and body.count(b"step") < 2:  # JSON Schema does not see these
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(document, SCHEMA)


def test_a_command_without_a_saga_is_refused_unless_its_key_is_one() -> None:
    with pytest.raises(NoCommand, match="saga"):
        decode(message(b"{}", b"key"))


@given(commands, st.sampled_from([None, f"00-{1:032x}-{2:016x}-01"]))
def test_headers_are_those_of_a_cloud_event(command: WireCommand, traceparent: str | None) -> None:
    said = headers(command, "saga", "reserve", traceparent)

    check_headers(said)
    assert {name.removeprefix("ce_") for name in said if name.startswith("ce_")} == ATTRIBUTES
    assert all(said.values())
    assert said.get("traceparent") == traceparent
    assert headers(command, "saga", "reserve", None)["ce_id"] == said["ce_id"]
