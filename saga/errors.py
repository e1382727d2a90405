"""Every error that Saga raises. The second level answers: whose fault is it, and does a retry help?"""

from __future__ import annotations


class SagaError(Exception):
    """The root of everything that Saga raises on purpose."""


class DefinitionError(SagaError):
    """A definition cannot be accepted: the author changes it. `findings` lists every reason, not only the first."""

    def __init__(self, message: str, findings: tuple[object, ...] = ()) -> None:
        super().__init__(message)
        self.findings = findings


class UsageError(SagaError):
    """A call or a setting is wrong: the caller changes it; a retry does not help."""


class InputRefused(UsageError):
    """A value does not have the shape that a definition, a step or a limit asks for."""


class UnknownScheme(UsageError):
    """No installed adapter answers to the scheme of a URL."""


class MissingDriver(UsageError):
    """The adapter is there, the library it stands on is not."""


class SchemaMismatch(UsageError):
    """The tables are missing, older or newer than this build needs."""


class AccessRefused(UsageError):
    """The server answers, but does not let us in: wrong password, role or database."""


class ProtocolViolation(SagaError):
    """A message or an event that no correct peer sends. It is refused and changes nothing."""


class NotFound(SagaError):
    """What was named does not exist (any more)."""


class AlreadyExists(SagaError):
    """What was to be created is there already."""


class Conflict(SagaError):
    """The same name stands for something else already, or the state does not allow what was asked."""


class StaleToken(SagaError):
    """A later claim or term has taken over: what was asked is refused and must not be repeated."""


class LeadershipLost(StaleToken):
    """Another term has begun."""


class Unavailable(SagaError):
    """A server cannot be reached or broke off. What was under way is unknown; a later try may succeed."""


class Closed(UsageError):
    """The object was closed before this call."""
