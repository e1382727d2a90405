"""When a pool opens one more session, when it closes one, and how often it asks a server that refuses."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Final

WAIT_SECONDS: Final = 0.1
"""A statement of the framework waits this long before one more session is opened for it: several times as long as a commit takes."""
SHARED_WAIT_SECONDS: Final = 0.01
"""The same while there is only the shared session, which the membership needs, too."""
IDLE_SECONDS: Final = 5.0
"""A session of the framework that was not needed for this long is closed."""
HANDLER_IDLE_SECONDS: Final = 30.0
"""The same for a session of the handlers."""
PAUSE_SECONDS: Final = (0.5, 5.0)
"""The first and the longest pause before a server that has given no connection is asked again. It doubles each time."""


@dataclass(slots=True)
class Growth:
    """The pace at which one pool opens and closes sessions.

    `wait_seconds`: how long a caller waits before a session is opened for it; `idle_seconds`: how long an unneeded one stays open;
    `kept`: this many are not closed even then, unless there is a shared session.
    """

    wait_seconds: float = 0.0
    idle_seconds: float = IDLE_SECONDS
    kept: int = 0
    not_before: float = -math.inf
    """When the server is asked again, on the clock of the event loop."""
    _pause_seconds: float = PAUSE_SECONDS[0]

    def failed(self, now: float) -> None:
        """The server has given no connection. Processes ask again at different times."""
        self.not_before = now + self._pause_seconds * random.uniform(0.5, 1.0)  # noqa: S311 (spreads processes, protects nothing)
        self._pause_seconds = min(self._pause_seconds * 2, PAUSE_SECONDS[1])

    def succeeded(self) -> None:
        """The server has given a connection."""
        self.not_before, self._pause_seconds = -math.inf, PAUSE_SECONDS[0]
