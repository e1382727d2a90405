"""The shell around the core: participants, the group committer, the supervisor. It does what the core decided."""
