"""Measures Saga beside its peer, on one machine and one durable Postgres."""
