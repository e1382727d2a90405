"""The API of services: participants, step handlers, the context, the answers that a handler may raise."""
