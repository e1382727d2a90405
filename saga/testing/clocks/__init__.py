"""Clocks and an event loop whose time is controlled by the test."""
