"""The parts that answers share."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import AfterValidator

from saga.client import StoreSagas
from saga.core.definition.json_value import Json
from saga.core.text import storable
from saga.inspection.instants import Instant

Document: TypeAlias = dict[str, Json]


def _storable(text: str) -> str:
    if storable(text) != text:
        raise ValueError("must be text without NUL or unpaired surrogates")
    return text


Text = Annotated[str, AfterValidator(_storable)]


def now_of(sagas: StoreSagas) -> Instant:
    """The time on the store's clock."""
    return Instant(sagas.process.store_clock.now())
