"""The wire format: a command as a message of a bus. `docs/reference/wire.md` and `command.schema.json` specify it.

A command carries a reference and no data. A reader ignores unknown fields and has a default for each missing one, so that old and new
builds can read each other. `v` grows only when a reader of the old version would do something wrong.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from pydantic_core import to_json

from saga.core.definition.json_value import Json
from saga.core.state.operation import Operation
from saga.errors import ProtocolViolation
from saga.ports.bus import Message
from saga.ports.values.claim import DeliveredCommand

FORMAT: Final = 1
TRACEPARENT: Final = "traceparent"
COMMAND_BYTES_MAX: Final = 4_096
STEP_MAX: Final = 2**15 - 1
SECONDS_MAX: Final = 2**53 - 1
HASH_CHARS: Final = 64
TOPIC_CHARS_MAX: Final = 255
KEY_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class WireCommand:
    """The content of a message. `definition` and `input` are SHA-256 in hexadecimal, or empty.

    `topic`, `issued` and `expires` (seconds since the epoch, on the store's clock) are written by senders that sign.
    """

    saga: UUID
    step: int = 0
    operation: Operation = Operation.EXECUTE
    definition: str = ""
    input: str = ""
    topic: str = ""
    issued: int = 0
    expires: int = 0

    @property
    def delivery(self) -> DeliveredCommand:
        return DeliveredCommand(self.saga, self.step, self.operation)


class NoCommand(ProtocolViolation):
    """The body of a message is not a command that this build can read."""


def encode(command: WireCommand) -> bytes:
    """The body of a command. Defaults are left out, except for the four fields that every build has written."""
    document: dict[str, Json] = {
        "v": FORMAT,
        "saga": str(command.saga),
        "step": command.step,
        "op": command.operation.value,
    }
    for name in ("definition", "input", "topic", "issued", "expires"):
        if value := getattr(command, name):
            document[name] = value
    return to_json(document)


def decode(message: Message) -> WireCommand:
    """Reads a command.

    Raises:
        NoCommand: the body is not a command; the message says why.
    """
    if len(message.body) > COMMAND_BYTES_MAX:
        raise NoCommand(f"not a command: {len(message.body)} bytes, a command has at most {COMMAND_BYTES_MAX}")
    try:
        document = _READER.decode(message.body.decode())
        if not isinstance(document, dict):
            raise TypeError("the body is not an object")
        _integer(document, "v", FORMAT, low=FORMAT, high=FORMAT)
        return WireCommand(
            saga=_saga(document, message.key),
            step=_integer(document, "step", 0, high=STEP_MAX),
            operation=Operation(document.get("op", Operation.EXECUTE.value)),
            definition=_text(document, "definition", HASH_CHARS),
            input=_text(document, "input", HASH_CHARS),
            topic=_text(document, "topic", TOPIC_CHARS_MAX),
            issued=_integer(document, "issued", 0),
            expires=_integer(document, "expires", 0),
        )
    except (ValueError, TypeError, RecursionError) as error:
        raise NoCommand(f"not a command: {str(error)[:160]!a}") from error


def headers(command: WireCommand, namespace: str, step: str, traceparent: str | None) -> dict[str, str]:
    """CloudEvents attributes in binary mode, for gateways and tools between two services; no participant reads them."""
    saga = str(command.saga)
    said = {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": f"{saga}.{command.step}.{command.operation.letter}",
        "ce_type": _TYPES[command.operation],
        "ce_source": f"/saga/{namespace}",
        "ce_subject": f"{saga}/{step}",
    }
    return said if traceparent is None else said | {TRACEPARENT: traceparent}


_TYPES: Final = {operation: f"saga.command.{operation.name.lower()}" for operation in Operation}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise ValueError("a field occurs twice")
    return document


_READER: Final = json.JSONDecoder(object_pairs_hook=_unique)


def _saga(document: dict[str, Json], key: bytes) -> UUID:
    """The saga of a command; its default is the key of the message."""
    value = document.get("saga")
    if value is None and len(key) == KEY_BYTES:
        return UUID(bytes=key)
    if not isinstance(value, str):
        raise TypeError("saga is not a UUID")
    return UUID(value)


def _integer(document: dict[str, Json], name: str, default: int, *, low: int = 0, high: int = SECONDS_MAX) -> int:
    value = document.get(name, default)
    if type(value) is not int:
        raise TypeError(f"{name} is not an integer")
    if not low <= value <= high:
        raise ValueError(f"{name} is not {low}" if low == high else f"{name} is not between {low} and {high}")
    return value


def _text(document: dict[str, Json], name: str, chars_max: int) -> str:
    value = document.get(name, "")
    if not isinstance(value, str) or len(value) > chars_max:
        raise TypeError(f"{name} is not a text of at most {chars_max} characters")
    return value
