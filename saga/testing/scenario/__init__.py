"""Tests of whole sagas: the production code over the memory store, on virtual time. `harness.Harness` is the entrance."""
