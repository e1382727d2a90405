"""From outcomes to writes: what follows from an outcome, and which process gets the next command. No I/O."""
