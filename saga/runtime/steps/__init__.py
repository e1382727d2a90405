"""Running one attempt of a step, by mode: transactional, journaled, external."""
