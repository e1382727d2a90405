"""The pages, a module each. The templates have the same names."""
