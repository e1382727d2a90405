"""Writes typed values as JSON, and promises that they can be read back."""
