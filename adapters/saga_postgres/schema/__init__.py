"""Creating, upgrading and checking the tables; grants and retention."""
