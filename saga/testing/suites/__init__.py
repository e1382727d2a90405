"""Conformance suites. An adapter is correct when it passes the suite of its port."""
