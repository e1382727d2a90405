"""Every error that Saga raises. The second level answers: whose fault is it, and does a retry help?"""

from __future__ import annotations


class SagaError(Exception):
    """The root of everything that Saga raises on purpose."""


class DefinitionError(SagaError):
    """A definition is not acceptable: its author must change it. `findings` has every reason, not only the first."""

    def __init__(self, message: str, findings: tuple[object, ...] = ()) -> None:
        super().__init__(message)
        self.findings = findings


class UsageError(SagaError):
    """A call or a setting is wrong: the caller must change it; a retry does not help."""


class InputRefused(UsageError):
    """A value does not match the schema of a definition or step, or exceeds a limit."""


class UnknownScheme(UsageError):
    """No installed adapter opens URLs of this scheme."""


class MissingDriver(UsageError):
    """The adapter is installed, but the library that it needs is not."""


class SchemaMismatch(UsageError):
    """The tables are missing, or older or newer than this version needs."""


class AccessRefused(UsageError):
    """The server answers, but refuses access: wrong password, role or database."""


class TransactionEnded(UsageError):
    """A handler has ended the transaction of its step, so that its effect is committed without the step: a retry repeats it."""


class ProtocolViolation(SagaError):
    """A message or an event that no correct peer sends. It is refused and changes nothing."""


class NotFound(SagaError):
    """The named object does not exist (any more)."""


class AlreadyExists(SagaError):
    """The object to create exists already."""


class Conflict(SagaError):
    """The name is already used for something else, or the current state does not allow the request."""


class ActionRefused(Conflict):
    """The state of the saga does not allow the action of an operator. `is_replayed`: the same request was refused before."""

    def __init__(self, message: str, *, is_replayed: bool = False) -> None:
        super().__init__(message)
        self.is_replayed = is_replayed


class PlanChanged(Conflict):
    """The action does something else by now than the plan that was approved. Nothing was done. `plan`: the new plan, as a document."""

    def __init__(self, message: str, plan: dict[str, object]) -> None:
        super().__init__(message)
        self.plan = plan


class StaleToken(SagaError):
    """A later claim or term has taken over: the request is refused and must not be repeated."""


class LeadershipLost(StaleToken):
    """Another term has begun."""


class Unavailable(SagaError):
    """A server cannot be reached, the connection broke, or the server failed. The outcome is unknown; a retry may succeed."""


class ServerFailed(Unavailable):
    """The server answered with a failure of its own, for which the data is not to blame. A retry may succeed, or only without this data."""


class Locked(Unavailable):
    """Another transaction holds the lock on a row for longer than the store waits for it. Nothing was written; a retry may succeed."""


class Closed(UsageError):
    """The object was closed before this call."""
