"""The four services of the shop: their handlers, and the tables of those that have a database."""
