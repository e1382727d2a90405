"""The connection for code without an event loop: Django, Flask, scripts. Every method blocks the calling thread until it is done.

It is thread-safe: one connection, on an event loop in a thread of its own, serves all threads of a process.
"""

from saga.blocking.connection import Handle, Sagas, connect

__all__ = ["Handle", "Sagas", "connect"]
