"""Waits and timers: events that are sent to sagas, and the commands that wait for them or for a moment."""
