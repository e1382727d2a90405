"""Health checks, metrics and traces of a process."""
