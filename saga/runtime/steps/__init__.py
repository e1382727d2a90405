"""Running one attempt of a step. Each mode has a `StepRunner` of its own: transactional, journaled, external."""
