"""Saga on PostgreSQL: store, bus, journal and election."""

from saga_postgres.adapter import open_store
from saga_postgres.bus.bus import open_bus
from saga_postgres.election import open_election
from saga_postgres.journal.journal import open_journal

__all__ = ["open_bus", "open_election", "open_journal", "open_store"]
