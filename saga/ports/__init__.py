"""The ports: small protocols between the framework and the systems it stands on. Each contract is a test suite in `saga.testing`."""
