"""The conformance suite of `saga.ports.store`: store, membership, directory, ledger and retention of one adapter.

Subclass `StoreSuite`, open your adapter in `open_store`, and run it with pytest. The facts are grouped by file.
"""

from __future__ import annotations

from saga.testing.store_claims import ClaimTests
from saga.testing.store_commands import CommandTests
from saga.testing.store_commits import CommitTests
from saga.testing.store_listing import ListingTests
from saga.testing.store_members import MemberTests
from saga.testing.store_quiet import QuietTests
from saga.testing.store_records import RecordTests
from saga.testing.store_signals import SignalTests
from saga.testing.store_starts import StartTests


class StoreSuite(
    StartTests, ClaimTests, CommandTests, QuietTests, CommitTests, SignalTests, MemberTests, RecordTests, ListingTests
):
    """Everything a store promises."""
