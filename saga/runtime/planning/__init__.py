"""Turning outcomes into a plan of what to write and whom to notify. No I/O."""
