"""Carrying commands over an outside bus: sending, receiving, the message format, signatures."""
