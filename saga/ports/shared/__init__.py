"""What several adapters of one port have in common."""
