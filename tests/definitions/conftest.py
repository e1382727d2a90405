"""The store and the commands, as the tests of the commands have them."""

from __future__ import annotations

from tests.cli.conftest import command, store
from tests.migrated import migrated_template, store_url

__all__ = ["command", "migrated_template", "store", "store_url"]
