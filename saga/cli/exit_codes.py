"""The exit codes of the commands."""

from __future__ import annotations

from typing import Final

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2  # the call is wrong: a retry does not help
INTERRUPTED: Final = 130
