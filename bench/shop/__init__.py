"""The services that the benchmark runs: steps that do nothing, or one insert, with typed inputs and outputs."""
