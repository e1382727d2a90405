"""Saga on PostgreSQL: store, bus and election in one database."""

from saga_postgres.bus import open_bus
from saga_postgres.election import open_election

__all__ = ["open_bus", "open_election"]
