"""Read models of the store, for people and monitoring."""
