"""The rules of the protocol: events in, decisions out."""
