"""The libraries of the extra `saga-coordination[api]`, which the rest of Saga does without."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Final

from saga.errors import MissingDriver

LIBRARIES: Final = ("fastapi", "jinja2", "uvicorn")


def is_installed() -> bool:
    return all(find_spec(name) is not None for name in LIBRARIES)


def check_installed() -> None:
    """Raises MissingDriver if a library of the extra is missing."""
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        raise MissingDriver(
            f"the API needs the library {missing[0]}, which is not installed. Run: pip install 'saga-coordination[api]'"
        )


def load_server() -> None:
    """Imports the server, which takes seconds on a slow machine: before an event loop has anything else to do.

    Raises:
        MissingDriver: a library of the extra is missing.
    """
    check_installed()
    import_module("saga.api.server")
