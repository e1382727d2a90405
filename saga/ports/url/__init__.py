"""The URL of an adapter: scheme, credentials, servers, path and typed options, with one style of errors. For adapter authors."""
