"""For authors of stores: the conformance suite of a store. `suite.StoreSuite` is made of one module for each topic."""
