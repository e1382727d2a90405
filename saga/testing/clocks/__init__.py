"""For users and adapter authors: `hand_clock.HandClock` is a clock that a test advances, `virtual_loop` an event loop on virtual time."""
