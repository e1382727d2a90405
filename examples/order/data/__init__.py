"""The orders, the articles, and the program that made them up."""
