"""The modes of a step."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import ClassVar


class Mode(Enum):
    """The way in which a step makes its effect; it determines what an unknown outcome means.

    ENGINE: a step of Saga itself, which has no effect.
    """

    TRANSACTIONAL = "T"
    JOURNALED = "J"
    EXTERNAL = "X"
    ENGINE = "E"

    __hash__: ClassVar[Callable[[object], int]] = object.__hash__
