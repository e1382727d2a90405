"""The three modes of a step."""

from __future__ import annotations

from enum import Enum


class Mode(Enum):
    """How a step makes its effect; it decides what an unknown outcome means."""

    TRANSACTIONAL = "T"
    JOURNALED = "J"
    EXTERNAL = "X"

    __hash__ = object.__hash__
