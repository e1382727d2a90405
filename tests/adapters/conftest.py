"""The outside adapter's own test runs where it is installed: test_outside_adapter.py sees to that."""

collect_ignore = ["file_bus"]
