"""The conformance suite of a store, by topic."""
