"""Ports about the access to the API."""
