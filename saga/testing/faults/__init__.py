"""For simulations: wrappers that inject faults into a bus, a store, a journal or an election, on a `VirtualLoop`."""
