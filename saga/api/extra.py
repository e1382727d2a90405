"""The libraries of the extras `saga-coordination[api]` and `[grpc]`, which the rest of Saga does without."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Final

from saga.errors import MissingDriver

LIBRARIES: Final = ("fastapi", "jinja2", "uvicorn")
GRPC_LIBRARIES: Final = ("google", "google.rpc", "grpc", "grpc_health", "grpc_reflection")
"""A package stands before its parts."""


def is_installed() -> bool:
    return not _missing(LIBRARIES)


def check_installed() -> None:
    """Raises MissingDriver if a library of the extra is missing."""
    _check("the API", LIBRARIES, "api")


def load_server(*, with_grpc: bool = False) -> None:
    """Imports the server, which takes seconds on a slow machine: before an event loop has anything else to do.

    Raises:
        MissingDriver: a library of the extra is missing.
    """
    check_installed()
    import_module("saga.api.server")
    if with_grpc:
        _check("the gRPC API", GRPC_LIBRARIES, "grpc")
        import_module("saga.api.grpc.server")


def _check(what: str, libraries: Sequence[str], extra: str) -> None:
    if missing := _missing(libraries):
        raise MissingDriver(
            f"{what} needs the library {missing}, which is not installed. Run: pip install 'saga-coordination[{extra}]'"
        )


def _missing(libraries: Sequence[str]) -> str | None:
    return next((name for name in libraries if find_spec(name) is None), None)
