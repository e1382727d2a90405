"""The three modes of a step."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import ClassVar


class Mode(Enum):
    """The way in which a step makes its effect; it determines what an unknown outcome means."""

    TRANSACTIONAL = "T"
    JOURNALED = "J"
    EXTERNAL = "X"

    __hash__: ClassVar[Callable[[object], int]] = object.__hash__
