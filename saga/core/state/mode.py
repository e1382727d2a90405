"""The three modes of a step."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import ClassVar


class Mode(Enum):
    """How a step makes its effect, and so what an unknown outcome means."""

    TRANSACTIONAL = "T"
    JOURNALED = "J"
    EXTERNAL = "X"

    __hash__: ClassVar[Callable[[object], int]] = object.__hash__
