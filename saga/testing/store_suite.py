"""The conformance suite of `saga.ports.store`: store, membership, directory, ledger and retention of one adapter.

Subclass `StoreSuite`, open your adapter in `open_store`, and run it with pytest. The facts are grouped by file.
"""

from __future__ import annotations

from saga.testing.store_commits import CommitTests
from saga.testing.store_starts import StartTests


class StoreSuite(StartTests, CommitTests):
    """Everything a store promises."""
