"""Saga on PostgreSQL: store, bus and election in one database."""
