"""Schedules: sagas that are started at moments."""
