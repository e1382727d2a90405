"""Shares the shards of a stream among the processes of a service, and reads them."""
