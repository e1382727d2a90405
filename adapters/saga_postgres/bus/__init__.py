"""A message bus in PostgreSQL tables."""
