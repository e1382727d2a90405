"""Commands that run until stopped: participant, supervisor, dev."""
