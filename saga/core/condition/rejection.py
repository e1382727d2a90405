"""The recorded result of a step that was rejected and handled: the reason, in a form that no handler returns by accident."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct
from msgspec.json import encode

from saga.core.definition.json_value import Json

_KIND: Final = "$saga"
_REASON: Final = "reason"


class Rejection(Struct, frozen=True):
    """Takes the place of the result of a step whose rejection was handled."""

    reason: str


def rejection_document(reason: str) -> bytes:
    """Returns the result that is recorded for a handled rejection, as JSON."""
    return encode({_KIND: "rejected", _REASON: reason})


def result_of(document: Json) -> Json | Rejection:
    """Reads the recorded result of a step after whose rejection the saga goes on."""
    if isinstance(document, Mapping) and document.keys() == {_KIND, _REASON}:
        return Rejection(str(document[_REASON]))
    return document
