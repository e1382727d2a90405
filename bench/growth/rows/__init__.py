"""One row a module. It has `GROWTH`, and `measure(setup, point)`, which uses only what both builds have."""
