"""Hides what people must not see of inputs and results. Pure functions, but for reading the marks."""
