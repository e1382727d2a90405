"""The parts that answers share."""

from __future__ import annotations

from typing import Annotated

from pydantic import WithJsonSchema
from typing_extensions import TypedDict

from saga.core.definition.json_value import Json

Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
Payload = Annotated[Json, WithJsonSchema({"description": 'Any JSON; `{"$hidden": "..."}` where it is not shown.'})]


class Answered(TypedDict):
    """`now`: the time on the clock of the store."""

    now: Time
