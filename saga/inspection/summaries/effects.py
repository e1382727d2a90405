"""The ledger of a saga: which effects exist in which service now. A pure function."""

from __future__ import annotations

from enum import Enum
from typing import Final

from saga.core.state.letters import (
    ANY_COMPENSATING,
    COMPENSATED,
    NO_EFFECT_LETTERS,
    PENDING,
    SUCCEEDED,
)
from saga.core.state.phase import Phase
from saga.inspection.documents import Document
from saga.inspection.instants import instant
from saga.inspection.step_reason import Undone, undone_of
from saga.inspection.wording import letter_word
from saga.ports.saga_detail import SagaDetail


class Effect(Enum):
    """The state of the effect of one step."""

    NOT_YET = "not yet"
    STANDS = "stands"
    UNDONE = "undone"
    NEVER_HAPPENED = "never happened"
    UNKNOWN = "unknown"
    LEFT = "left"


_NEVER: Final = NO_EFFECT_LETTERS - {COMPENSATED}
_UNDONE: Final = {
    Undone.COMPENSATED: Effect.UNDONE,
    Undone.NO_EFFECT: Effect.NEVER_HAPPENED,
    Undone.NO_COMPENSATION: Effect.LEFT,
}


def effect_of(detail: SagaDetail, position: int) -> Effect | None:
    """Returns the state of the effect of a step; None if the step has no effect by its nature."""
    letter, phase = detail.state.vector[position], detail.state.phase
    if detail.graph.steps[position].read_only or not detail.graph.steps[position].service:
        return None
    if letter == PENDING:
        return Effect.NEVER_HAPPENED if phase is not Phase.RUNNING else Effect.NOT_YET
    if letter in _NEVER:
        return Effect.NEVER_HAPPENED
    if letter == COMPENSATED:
        return _UNDONE[undone_of(detail, position)]
    if letter == SUCCEEDED or letter in ANY_COMPENSATING:
        return Effect.LEFT if phase is Phase.ABANDONED else Effect.STANDS
    return Effect.UNKNOWN


def effects_document(detail: SagaDetail) -> list[Document]:
    """Every effect of a saga, in the order of its steps: where it is, its state, and since when it exists."""
    found = []
    for position, step in enumerate(detail.graph.steps):
        effect = effect_of(detail, position)
        if effect is not None:
            record = detail.records.get(position)
            found.append({
                "step": step.name,
                "service": step.service,
                "effect": effect.value,
                "state": letter_word(detail.state.vector[position]),
                "can_be_undone": bool(step.compensation),
                "finished_at": None if record is None else instant(record.finished_at),
            })  # fmt: skip
    return found
