"""Group commit of outcomes and starts, and waiting for sagas to end."""
