"""The demo: starts every process, sends the orders, kills some processes, and reports."""
