"""Commands that start, show and verify sagas."""
