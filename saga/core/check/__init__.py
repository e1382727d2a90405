"""Checking a definition before any saga runs on it."""
