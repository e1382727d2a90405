"""The fake payment service provider, a program of its own."""
