"""The audit: compares what the customers were told with what the services recorded."""
