"""One measurement a module; `bench.jobs` and `bench.scale` say which of them make up a run."""
