"""The connection over the HTTP API, without credentials of the store. It needs the extra `saga-coordination[client]`."""
