"""Conditions: CEL texts about what a saga has recorded, checked at registration and evaluated in each decision."""
