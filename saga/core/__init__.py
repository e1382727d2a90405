"""The pure core: definitions, states, events and the one decision. No I/O, no clock, no randomness."""
