"""A PostgreSQL server of our own, for development, demos and tests."""
