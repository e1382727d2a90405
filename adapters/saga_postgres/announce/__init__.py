"""Notifying other processes of a commit: over a local socket on the same machine, else by NOTIFY."""
