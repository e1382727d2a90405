"""Claims in this process: polled and fetched, begun when there is room, run, and kept alive by renewing their leases."""
