"""Queries on the memory store, for people and monitoring."""
