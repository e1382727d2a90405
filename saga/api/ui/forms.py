"""Reads the fields of a form that a page has sent, and numbers and JSON in fields and addresses."""

from __future__ import annotations

import json
from typing import Final
from urllib.parse import parse_qsl

from fastapi import Request

from saga.api.guard import check_depth
from saga.core.definition.json_value import Json
from saga.errors import UsageError

FIELDS_MAX: Final = 20
DIGITS_MAX: Final = 18
"""Maximum number of digits of a number: every store can hold it."""
FORM: Final = "application/x-www-form-urlencoded"


async def fields_of(request: Request) -> dict[str, str]:
    """Reads the fields of a form. Raises UsageError."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise UsageError(f"send the form as {FORM}")
    try:
        text = (await request.body()).decode("ascii")
        return dict(parse_qsl(text, keep_blank_values=True, strict_parsing=True, max_num_fields=FIELDS_MAX))
    except ValueError:
        raise UsageError("the form cannot be read") from None


def number_in(text: str, digits_max: int = DIGITS_MAX) -> int | None:
    """The whole number that the text is; None if it is not one, or has too many digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits_max else None


def json_in(text: str, name: str) -> Json:
    """The JSON that was typed into the field of this name; null for an empty one. Raises UsageError, Problem."""
    check_depth(text.encode())
    try:
        return json.loads(text or "null")
    except ValueError as error:
        raise UsageError(f"the {name} is not JSON: {error}") from error
