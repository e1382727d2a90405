"""The journal in a service's own database."""
