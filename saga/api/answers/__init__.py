"""The answers of the API as types: clients are generated from their description. Names may be added to an answer, not changed."""
