"""Timers, wake-ups and a gate that cost less than their asyncio counterparts under load."""
