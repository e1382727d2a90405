"""Queries for people and monitoring."""
