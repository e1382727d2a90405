"""Measures Saga and its peer on one machine and one durable PostgreSQL."""
