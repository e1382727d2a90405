"""Translates driver errors into Saga's, at this edge: no type of aiokafka crosses a port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aiokafka import errors

from saga.errors import AccessRefused, InputRefused, NotFound, SagaError, Unavailable, UsageError

REFUSED: Final = (
    errors.TopicAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.ClusterAuthorizationFailedError,
    errors.AuthenticationFailedError,
    errors.AuthenticationMethodNotSupported,
    errors.SaslAuthenticationFailed,
    errors.UnsupportedSaslMechanismError,
    errors.IllegalSaslStateError,
)
TOO_LARGE: Final = (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError)
REFUSED_SETTINGS: Final = (
    errors.InvalidReplicationFactorError,
    errors.InvalidPartitionsError,
    errors.InvalidConfigurationError,
    errors.InvalidTopicError,
    errors.PolicyViolationError,
    errors.InvalidSessionTimeoutError,
)
MISSING: Final = (errors.UnknownTopicOrPartitionError,)


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Maps driver errors. `place` names the cluster in the message, without credentials."""
    try:
        yield
    except SagaError:
        raise
    except (errors.KafkaError, OSError, TimeoutError) as error:
        raise translation(error, place) from error


def translation(error: BaseException, place: str) -> SagaError:
    """The error of Saga that means the same."""
    reason = _reason(error)
    if isinstance(error, REFUSED):
        return AccessRefused(
            f"{place} answers but refuses ({reason}): check user, password and mechanism of the URL, and the ACLs"
        )
    if isinstance(error, TOO_LARGE):
        return InputRefused(
            f"{place} refuses the size of a message ({reason}): run `saga doctor` to see which topic allows less"
        )
    if isinstance(error, REFUSED_SETTINGS):
        return UsageError(f"{place} cannot do that ({reason}): check partitions, replication and min_insync of the URL")
    if isinstance(error, MISSING):
        return NotFound(f"{place} does not have the topic ({reason}): run `saga bus ensure`")
    return Unavailable(
        f"{place} cannot be reached or broke off ({reason}): check that the brokers run, and the servers of the URL"
    )


def _reason(error: BaseException) -> str:
    text = str(error).partition("\n")[0]
    return text if text.startswith(type(error).__name__) else f"{type(error).__name__}: {text}".removesuffix(": ")
