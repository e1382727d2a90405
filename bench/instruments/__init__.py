"""What is read while a measurement runs, and after it: costs, samples, round trips, rows."""
