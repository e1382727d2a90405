"""Instruments that are read during a measurement and after it: costs, samples, round trips, rows."""
