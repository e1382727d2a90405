"""When schedules start sagas: their moments, and what is due."""
