"""Definitions as text: YAML, and JSON, which is YAML too."""
