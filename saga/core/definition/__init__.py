"""A definition as data: the graph of its steps, its stored form, contracts, templates and schemas."""
