"""What a process shows of itself: whether it lives and is ready, its numbers, its traces."""
