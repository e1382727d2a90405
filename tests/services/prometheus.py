"""promtool, which checks Prometheus rules; in the package `prometheus` of Debian and Homebrew."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from tests.services.places import Missing


@contextmanager
def promtool() -> Iterator[str]:
    """The path of the program. Raises Missing."""
    found = shutil.which("promtool")
    if found is None:
        raise Missing("promtool is not on PATH (apt-get install prometheus, brew install prometheus)")
    yield found
