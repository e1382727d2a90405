"""A message of the bus as a message of NATS, and back.

Subject and body are those of the bus. The key is a header; a header of the bus has its own name, and its value percent-encoded as in
CloudEvents over NATS, because NATS removes blanks around a value.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, unquote

from saga.ports.bus import Message

KEY_HEADER: Final = "Saga-Key"
ID_HEADER: Final = "Nats-Msg-Id"
"""The server drops a message whose id it has seen within the stream's duplicate window."""
_SAFE: Final = "!#$&'()*+,/:;<=>?@[\\]^`{|}"
_PLAIN: Final = re.compile(r"[!#$&-~]*")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]*")


def stream_of(subject: str) -> str:
    """The name of the stream that keeps a subject: the same name with hyphens, as dots are not allowed."""
    return subject.replace(".", "-")


def pack(message: Message, message_id: str) -> dict[str, str]:
    """The headers of a message."""
    headers = {ID_HEADER: message_id}
    if message.key:
        headers[KEY_HEADER] = b64encode(message.key).decode()
    for name, value in message.headers.items():
        headers[name] = value if _PLAIN.fullmatch(value) else quote(value, safe=_SAFE)
    return headers


def unpack(topic: str, body: bytes, headers: Mapping[str, str] | None) -> Message:
    """The message of the bus. What a stranger has written into the headers is left out where it is not a header of the bus."""
    if not headers:
        return Message(topic, b"", body)
    ours = {name: _decoded(value) for name, value in headers.items() if _NAME.fullmatch(name)}
    return Message(topic, _key(headers.get(KEY_HEADER, "")), body, ours)


def _decoded(value: str) -> str:
    return unquote(value) if "%" in value else value


def _key(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError):
        return b""
