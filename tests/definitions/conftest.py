"""The store and the commands, as the tests of the commands have them."""

from __future__ import annotations

from tests.cli.conftest import command, store

__all__ = ["command", "store"]
