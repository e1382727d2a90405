"""Commands that start and show sagas."""
