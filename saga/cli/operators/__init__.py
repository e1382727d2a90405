"""Commands with which an operator acts on sagas: rollback, pause, resume, retry, resolve, skip, undo-step, abandon."""
