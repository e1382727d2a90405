"""Redrive (E11, G6): send again what the vector calls for, where no live claim or queued command does it."""

from __future__ import annotations

from saga.core.rules import events as ev
from saga.core.rules import rollback
from saga.core.rules.fold import Fold
from saga.core.state.phase import Phase

_RUNNING = Phase.RUNNING


def on_redriven(fold: Fold, event: ev.Redriven) -> None:
    if fold.phase is _RUNNING:
        rollback.roll_back_if_overdue(fold)
    for step in range(len(fold.letters)):
        operation = fold.operation(step)
        if operation is not None and step not in event.held and step not in fold.commands:
            fold.send(step, operation)
