"""The end of a saga."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal
from uuid import UUID

from typing_extensions import TypeVar

from saga.codec.codec import Value

Status = Literal["completed", "compensated", "abandoned"]
ResultT = TypeVar("ResultT", default=Value)


@dataclass(frozen=True, slots=True)
class Ending(Generic[ResultT]):
    """The end of a saga.

    `status` is completed, compensated (rolled back) or abandoned. `value` is what a completed saga returns; otherwise None.
    """

    saga: UUID
    status: Status
    value: ResultT
    reason: str | None

    @property
    def is_completed(self) -> bool:
        """True if the saga went forward to its end."""
        return self.status == "completed"


def ending_document(ending: Ending[Value]) -> dict[str, Value]:
    """The end of a saga as JSON."""
    return {"status": ending.status, "value": ending.value, "reason": ending.reason}


@dataclass(frozen=True, slots=True)
class Sent:
    """The receipt of an event that was sent to a saga. `is_new` is False if the same event was sent before: an id counts once."""

    id: str
    is_new: bool
