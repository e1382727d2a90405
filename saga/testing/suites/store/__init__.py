"""For authors of stores: the conformance suite of a store. `suite.StoreSuite` combines one module for each topic."""
