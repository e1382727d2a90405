"""The answers to clients, whatever carries them: REST and gRPC are two forms of the same documents."""
