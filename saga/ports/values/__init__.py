"""The values that cross the ports of the store."""
