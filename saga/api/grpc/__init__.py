"""The gRPC API: the same calls as REST, in the messages of `saga.v1`."""
