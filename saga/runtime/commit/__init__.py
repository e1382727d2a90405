"""Writing outcomes and starts to the store in groups, and waiting for sagas to end."""
