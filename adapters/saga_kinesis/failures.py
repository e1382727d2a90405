"""Translates driver errors into Saga's, at this edge: no error type of botocore or aiohttp crosses a port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aiohttp import ClientError as TransportError
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.exceptions import ConnectionError as ConnectingError

from saga.errors import AccessRefused, AlreadyExists, InputRefused, NotFound, Unavailable, UsageError

MESSAGE_CHARS_MAX: Final = 500
_THROTTLED: Final = {
    "ProvisionedThroughputExceededException",
    "LimitExceededException",
    "KMSThrottlingException",
    "ThrottlingException",
    "Throttling",
    "RequestLimitExceeded",
}
_REFUSED: Final = {
    "AccessDeniedException",
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "ExpiredTokenException",
    "MissingAuthenticationTokenException",
    "OptInRequired",
    "KMSAccessDeniedException",
}
_INVALID: Final = {"InvalidArgumentException", "ValidationException", "SerializationException"}


class Throttled(Unavailable):
    """Kinesis asks for a slower pace."""


class IteratorExpired(Unavailable):
    """A shard iterator that was not used for five minutes; a new one must be requested."""


@contextmanager
def translated(place: str, stream: str) -> Iterator[None]:
    """Maps driver errors. `place` names the service in the message, without credentials."""
    try:
        yield
    except ClientError as error:
        raise _answered(error, place, stream) from error
    except (NoCredentialsError, PartialCredentialsError, ProfileNotFound) as error:
        raise AccessRefused(
            f"{place}: {error}. Give the process a role or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile="
        ) from error
    except (ConnectingError, HTTPClientError, TransportError, OSError, TimeoutError) as error:
        raise Unavailable(
            f"{place} cannot be reached or broke off ({type(error).__name__}): check region and endpoint_url"
        ) from error
    except ParamValidationError as error:
        raise InputRefused(f"{place}, stream {stream}: {error}") from error
    except BotoCoreError as error:
        raise Unavailable(f"{place}: {type(error).__name__}: {error}") from error


def _answered(error: ClientError, place: str, stream: str) -> Exception:
    """Translates an error that Kinesis itself has sent."""
    details = error.response.get("Error", {})
    code, text = details.get("Code", ""), details.get("Message", "")
    where = f"{place}, stream {stream}: {code}: {text}"[:MESSAGE_CHARS_MAX]
    if code == "ResourceNotFoundException":
        return NotFound(f"{where}. Create the stream: `saga bus ensure`")
    if code == "ExpiredIteratorException":
        return IteratorExpired(where)
    if code in _THROTTLED:
        return Throttled(where)
    if code == "ResourceInUseException":
        return AlreadyExists(where)
    if code in _REFUSED:
        return AccessRefused(f"{where}. Check the credentials, and that they may use this stream")
    if code in _INVALID:
        return UsageError(where)
    return Unavailable(where)
