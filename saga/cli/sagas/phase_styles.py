"""The colours of a saga's phases."""

from __future__ import annotations

from typing import Final

from saga.core.state.phase import Phase

PHASE_STYLES: Final = {
    Phase.RUNNING: "cyan",
    Phase.COMPENSATING: "yellow",
    Phase.ABANDONING: "red",
    Phase.COMPLETED: "green",
    Phase.COMPENSATED: "magenta",
    Phase.ABANDONED: "red",
}
