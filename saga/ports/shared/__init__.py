"""Bases that several adapters of one port share."""
