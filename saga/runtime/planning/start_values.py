"""The values of a start: input, key, tags and id, checked and encoded."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from uuid import UUID

from saga.codec.codec import JSON, Misfit, Unreadable, Value
from saga.core.ids import uuid7_ms
from saga.errors import InputRefused, UsageError

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
INPUT_BYTES_MAX: Final = 256 * 1024
KEY_CHARS_MAX: Final = 200
TAGS_BYTES_MAX: Final = 16 * 1024
ID_SECONDS_MAX: Final = 3600.0
"""Maximum difference between the time in the id of a new saga and the store's clock."""


def encoded_input(name: str, encode: Callable[[Value], bytes], value: Value) -> bytes:
    try:
        data = encode(value)
    except Misfit as error:
        raise InputRefused(f"the input of {name} does not fit: {error}") from error
    except Unreadable as error:
        raise InputRefused(f"the input of {name} cannot be read back: {error}") from error
    if len(data) > INPUT_BYTES_MAX:
        raise InputRefused(
            f"the input of {name} has {len(data):,} bytes, more than {INPUT_BYTES_MAX:,}: store it elsewhere and pass its address"
        )
    return data


def encoded_tags(name: str, tags: dict[str, str]) -> str:
    data = JSON.encode(tags)
    if len(data) > TAGS_BYTES_MAX:
        raise UsageError(
            f"the tags of {name} have {len(data):,} bytes, more than {TAGS_BYTES_MAX:,}: put what is not searched for into the input"
        )
    return data.decode()


def check_texts(key: str | None, tags: dict[str, str] | None) -> None:
    tags = {} if tags is None else tags
    if not isinstance(tags, dict):
        raise UsageError("tags must be a dict of strings")
    for text in ("" if key is None else key, *tags, *tags.values()):
        if type(text) is not str or _UNSTORABLE.search(text):
            raise UsageError(
                f"start keys and tags must be text without NUL or unpaired surrogates, not {ascii(text)[:80]}"
            )
    if key is not None and not 1 <= len(key) <= KEY_CHARS_MAX:
        raise UsageError(f"a start key has 1 to {KEY_CHARS_MAX} characters, not {len(key)}")


def check_id(saga: UUID, now: float) -> None:
    """Lists find a saga by the time in its id."""
    if abs(uuid7_ms(saga) / 1000 - now) > ID_SECONDS_MAX:
        raise UsageError(
            f"the id {saga} has another time than now: make a new UUIDv7 for each saga, by a clock that is right"
        )
