"""The tables of the memory store and their transactions."""
