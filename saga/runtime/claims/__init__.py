"""Claiming commands, renewing their leases and executing them."""
