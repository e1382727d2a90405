"""Saga: multi-step processes across services, carried to their end or cleanly back, without an orchestrator."""

from saga.app import App, connect
from saga.authoring import Definition, Retry
from saga.client import Ending, Handle, Sagas
from saga.errors import (
    AccessRefused,
    Conflict,
    DefinitionError,
    InputRefused,
    NotFound,
    SagaError,
    SchemaMismatch,
    Unavailable,
    UsageError,
)
from saga.runtime.handlers.answers import DidNotHappen, GiveUp, NotYet, Reject
from saga.runtime.handlers.context import Context
from saga.runtime.handlers.participant import Participant

__all__ = [
    "AccessRefused",
    "App",
    "Conflict",
    "Context",
    "Definition",
    "DefinitionError",
    "DidNotHappen",
    "Ending",
    "GiveUp",
    "Handle",
    "InputRefused",
    "NotFound",
    "NotYet",
    "Participant",
    "Reject",
    "Retry",
    "SagaError",
    "Sagas",
    "SchemaMismatch",
    "Unavailable",
    "UsageError",
    "connect",
]
