"""An existing FastAPI service that takes part in sagas."""
