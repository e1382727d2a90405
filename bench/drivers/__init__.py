"""The drivers of the buses without Saga: the ceiling that Saga's own figures are compared with."""
