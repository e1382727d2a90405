"""Worlds as in the tests of the runtime."""

from __future__ import annotations

from tests.migrated import migrated_template, store_url  # noqa: F401 (offered to the tests of this folder)
from tests.runtime.conftest import any_world, sql, world  # noqa: F401
