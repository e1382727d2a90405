"""Wrappers that inject faults into the adapter of a port."""
