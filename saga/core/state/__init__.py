"""The state of a saga: its phase, one letter per step, and the legal transitions."""
