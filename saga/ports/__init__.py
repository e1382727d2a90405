"""The ports: small protocols between the framework and the systems it uses. `saga.testing` has a test suite for each contract."""
