"""Programs that show Saga at work; each of them runs in CI."""
