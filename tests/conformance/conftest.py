"""A migrated Postgres for each test, copied from one that was migrated once."""

from __future__ import annotations

from tests.migrated import migrated_template, store_url  # noqa: F401 (offered to the tests of this folder)
