"""Connections: the pool, connections lent to handlers, pooler detection, error mapping."""
