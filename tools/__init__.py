"""Small programs for developing Saga itself. None of them is shipped."""
