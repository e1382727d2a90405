"""The format of a record: Kinesis has no headers, and its partition keys cannot carry the keys of messages.

byte 0       version: 1 = the body follows, 2 = the number of a parcel follows (a body too large for a record, in Postgres)
bytes 1-2    length of the key, big endian; then the key
4 bytes      length of the headers, big endian; then the headers, a JSON object of strings in UTF-8
the rest     the body, or eight bytes with the parcel's number
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass
from typing import Final

from saga.errors import InputRefused, ProtocolViolation
from saga.ports.bus import Message, check_headers

INLINE: Final = 1
PARCEL: Final = 2
KEY_BYTES_MAX: Final = 1_024
NO_HEADERS: Final = b"{}"
_KEY: Final = struct.Struct(">BH")
_LENGTH: Final = struct.Struct(">I")
_NUMBER: Final = struct.Struct(">q")


@dataclass(frozen=True, slots=True)
class Envelope:
    """The content of a record: a message, or a message whose body is in a parcel (then `message.body` is empty)."""

    message: Message
    parcel: int | None = None


def pack(message: Message, *, parcel: int | None = None) -> bytes:
    """Encodes a message as the data of a record.

    Raises:
        InputRefused: the key or the headers are too long.
    """
    if len(message.key) > KEY_BYTES_MAX:
        raise InputRefused(
            f"a message for {message.topic} has a key of {len(message.key)} bytes, the maximum is {KEY_BYTES_MAX}"
        )
    headers = NO_HEADERS
    if message.headers:
        check_headers(message.headers)
        headers = json.dumps(dict(message.headers), separators=(",", ":"), ensure_ascii=False).encode()
    version, body = (INLINE, message.body) if parcel is None else (PARCEL, _NUMBER.pack(parcel))
    return b"".join((_KEY.pack(version, len(message.key)), message.key, _LENGTH.pack(len(headers)), headers, body))


def unpack(topic: str, data: bytes) -> Envelope:
    """Decodes a record, which may come from any program.

    Raises:
        ProtocolViolation: Saga did not write this record.
    """
    try:
        version, key_length = _KEY.unpack_from(data)
        headers_at = _KEY.size + key_length + _LENGTH.size
        (headers_length,) = _LENGTH.unpack_from(data, headers_at - _LENGTH.size)
        body_at = headers_at + headers_length
        if version not in {INLINE, PARCEL}:
            raise ValueError(f"version {version}")
        if body_at > len(data):
            raise ValueError("truncated")
        headers = _headers(data[headers_at:body_at])
        key, body = data[_KEY.size : headers_at - _LENGTH.size], data[body_at:]
        if version == INLINE:
            return Envelope(Message(topic, key, body, headers))
        (parcel,) = _NUMBER.unpack(body)
        return Envelope(Message(topic, key, b"", headers), parcel)
    except (struct.error, ValueError, RecursionError, InputRefused) as error:
        raise ProtocolViolation(f"not a record of Saga: {type(error).__name__}: {error}"[:200]) from None


def partition_key(message: Message) -> str:
    """The partition key of a message: messages with the same key share a shard; a key can be any bytes."""
    return hashlib.blake2b(message.key, digest_size=16).hexdigest()


def _headers(data: bytes) -> dict[str, str]:
    if data == NO_HEADERS:
        return {}
    headers = json.loads(data)
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise ValueError("headers must be an object of strings")
    check_headers(headers)
    return headers
