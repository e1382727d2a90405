"""Translates the errors of driver and server into Saga's, at this edge: no type of nats-py crosses a port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from nats import errors

from saga.errors import AccessRefused, InputRefused, NotFound, SagaError, Unavailable, UsageError

Answer: TypeAlias = dict[str, Any]
"""An object of JSON, as JetStream receives and sends it."""
# The numbers of errors in the answers of JetStream
NO_PEERS: Final = 10005
CONSUMER_NOT_FOUND: Final = 10014
NO_SUCH_ACCOUNT: Final = 10035
NOT_ENABLED_FOR_ACCOUNT: Final = 10039
MESSAGE_TOO_LARGE: Final = 10054
NAME_IN_USE: Final = 10058
STREAM_NOT_FOUND: Final = 10059
SUBJECTS_OVERLAP: Final = 10065
NO_REPLICAS: Final = 10074
NOT_ENABLED: Final = 10076
BATCHES_NOT_ALLOWED: Final = 10174
FULL: Final = (10023, 10028, 10047, 10077, 10122)
_DISABLED: Final = (NO_SUCH_ACCOUNT, NOT_ENABLED_FOR_ACCOUNT, NOT_ENABLED)
_REFUSED: Final = (
    "authorization", "authentication", "permissions violation", "account", "nkey", "maximum connections",
)  # fmt: skip
"""Words of the errors with which a server refuses a client, in lower case."""

ENSURE: Final = "run `saga bus ensure`, or write ?create=1 in the URL of a development bus"
_ACCESS: Final = "check the credentials of the URL, and the permissions of the user"
_REACH: Final = "check that the servers run, and the servers of the URL"


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Maps driver errors. `place` names the servers in the message, without credentials."""
    try:
        yield
    except SagaError:
        raise
    except (errors.Error, OSError, TimeoutError) as error:
        raise translation(error, place) from error


def translation(error: BaseException, place: str) -> SagaError:
    """The error of Saga that means the same."""
    reason = _reason(error)
    if isinstance(error, errors.MaxPayloadError):
        return InputRefused(f"{place} refuses the size of a message ({reason}): raise max_payload of the servers")
    if _is_refusal(error):
        return AccessRefused(f"{place} answers but refuses ({reason}): {_ACCESS}")
    return Unavailable(f"{place} cannot be reached or broke off ({reason}): {_REACH}")


def answered(error: Answer, place: str) -> SagaError:
    """Translates an error in an answer of JetStream: `code`, `err_code` and `description`."""
    number = error.get("err_code", 0)
    reason = f"{error.get('description', 'unknown error')}, {number}"
    if number in {STREAM_NOT_FOUND, CONSUMER_NOT_FOUND}:
        return NotFound(f"{place} does not have it ({reason}): {ENSURE}")
    if number in _DISABLED:
        return UsageError(f"{place} runs without JetStream ({reason}): start the servers with it, for this account")
    if number in {NO_REPLICAS, NO_PEERS}:
        return UsageError(
            f"{place} cannot keep that many copies ({reason}): start more servers, or lower replication in the URL"
        )
    if number in {NAME_IN_USE, SUBJECTS_OVERLAP}:
        return UsageError(
            f"{place} has another stream with this name or subject ({reason}): choose another prefix in the URL"
        )
    if number == MESSAGE_TOO_LARGE:
        return InputRefused(
            f"{place} refuses the size of a message ({reason}): `saga doctor` shows which stream allows less"
        )
    if number in FULL:
        return Unavailable(
            f"{place} has no space for it ({reason}): free some, or raise the limits of stream and server"
        )
    return Unavailable(f"{place} cannot do that now ({reason}): {_REACH}")


def _is_refusal(error: BaseException) -> bool:
    text = str(error).lower()
    return isinstance(error, errors.AuthorizationError) or any(word in text for word in _REFUSED)


def _reason(error: BaseException) -> str:
    text = str(error).partition("\n")[0].removeprefix("nats: ")
    return text or type(error).__name__
