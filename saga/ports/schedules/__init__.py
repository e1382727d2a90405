"""Sagas that are started at moments."""
