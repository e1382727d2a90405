"""The conformance suite of `saga.ports.store`: store, membership, directory, ledger and retention of one adapter.

Subclass `StoreSuite`, open your adapter in `open_store`, and run it with pytest. The tests are grouped by topic, one file each.
"""

from __future__ import annotations

from saga.testing.suites.access import AccessTests
from saga.testing.suites.store.claims import ClaimTests
from saga.testing.suites.store.commands import CommandTests
from saga.testing.suites.store.commits import CommitTests
from saga.testing.suites.store.leases import LeaseTests
from saga.testing.suites.store.listing import ListingTests
from saga.testing.suites.store.members import MemberTests
from saga.testing.suites.store.notifications import NotificationTests
from saga.testing.suites.store.overdue import OverdueTests
from saga.testing.suites.store.quiet import QuietTests
from saga.testing.suites.store.records import RecordTests
from saga.testing.suites.store.scans import ScanTests
from saga.testing.suites.store.starts import StartTests
from saga.testing.suites.store.unclaimed import UnclaimedTests
from saga.testing.suites.store.waits.parking import ParkingTests
from saga.testing.suites.store.waits.sending import EventTests


class StoreSuite(
    StartTests,
    ClaimTests,
    LeaseTests,
    CommandTests,
    QuietTests,
    CommitTests,
    UnclaimedTests,
    EventTests,
    ParkingTests,
    NotificationTests,
    MemberTests,
    OverdueTests,
    RecordTests,
    AccessTests,
    ListingTests,
    ScanTests,
):
    """Everything a store promises."""
