"""Read models of the memory store, for people and monitoring."""
