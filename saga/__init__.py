"""Saga: multi-step processes across services, carried to their end or cleanly back, without an orchestrator.

A name is imported when it is first used, so that `import saga` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from saga import blocking
    from saga.app import App, connect
    from saga.authoring import Condition, Definition, Retry, Schedule, any_of, at_least
    from saga.client import Ending, Handle, Sagas
    from saga.codec.sensitive import Sensitive
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
    from saga.runtime.handlers.answers import DidNotHappen, GiveUp, NotYet, Pending, Reject
    from saga.runtime.handlers.context import Context
    from saga.runtime.handlers.participant import Participant

__all__ = [
    "AccessRefused",
    "App",
    "Condition",
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
    "Pending",
    "Reject",
    "Retry",
    "SagaError",
    "Sagas",
    "Schedule",
    "SchemaMismatch",
    "Sensitive",
    "Unavailable",
    "UsageError",
    "any_of",
    "at_least",
    "blocking",
    "connect",
]

_MODULES = {
    "saga.app": ("App", "connect"),
    "saga.authoring": ("Condition", "Definition", "Retry", "Schedule", "any_of", "at_least"),
    "saga.client": ("Ending", "Handle", "Sagas"),
    "saga.codec.sensitive": ("Sensitive",),
    "saga.runtime.handlers.answers": ("DidNotHappen", "GiveUp", "NotYet", "Pending", "Reject"),
    "saga.runtime.handlers.context": ("Context",),
    "saga.runtime.handlers.participant": ("Participant",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

if not TYPE_CHECKING:  # a type checker reads the imports above, and reports a name that does not exist

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        if name == "blocking":
            return import_module("saga.blocking")
        value = getattr(import_module(_MODULE_OF.get(name, "saga.errors")), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return __all__
