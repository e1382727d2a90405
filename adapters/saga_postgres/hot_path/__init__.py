"""The store port: starts, claims and commits."""
