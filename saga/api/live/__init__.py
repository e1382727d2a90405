"""Tells clients what happens to sagas while they look: one watcher in a process for all of them."""
