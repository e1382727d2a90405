"""What users register and what their handlers are called with: participants, step handlers, the context, answers."""
