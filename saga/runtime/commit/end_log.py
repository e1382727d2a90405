"""Logs the ends of sagas."""

from __future__ import annotations

import asyncio
from typing import Final
from uuid import UUID

from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.logger import get_logger

_COMPLETED: Final = Phase.COMPLETED.name.lower()


class EndLog:
    """One line for each saga that was rolled back or abandoned. Sagas that have completed together share a line for each definition.

    Under load a commit completes many sagas, and writing a line costs more than deciding a step.
    """

    def __init__(self) -> None:
        self._completed: dict[str, list[UUID]] = {}  # by definition, since the event loop last turned
        self._log = get_logger("saga.process")

    def ended(self, saga: UUID, definition: str, state: State) -> None:
        """The end of this saga is committed."""
        if state.phase is not Phase.COMPLETED:
            self._write(saga, definition, state.phase.name.lower(), state.reason)
            return
        if not self._completed:
            asyncio.get_running_loop().call_soon(self._write_completed)
        self._completed.setdefault(definition, []).append(saga)

    def _write_completed(self) -> None:
        completed, self._completed = self._completed, {}
        for definition, sagas in completed.items():
            if len(sagas) == 1:
                self._write(sagas[0], definition, _COMPLETED, None)
            else:
                texts = [str(saga) for saga in sagas]
                self._log.info("sagas ended", count=len(sagas), sagas=texts, definition=definition, outcome=_COMPLETED)

    def _write(self, saga: UUID, definition: str, outcome: str, reason: str | None) -> None:
        self._log.info("saga ended", saga=str(saga), definition=definition, outcome=outcome, reason=reason)
