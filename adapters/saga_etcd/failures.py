"""Translates gRPC errors into Saga's, at this edge: no error type of gRPC crosses a port."""

from __future__ import annotations

from typing import Final

import grpc

from saga.errors import AccessRefused, NotFound, SagaError, Unavailable, UsageError

_REFUSED: Final = {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.INVALID_ARGUMENT}
_FINAL: Final = {*_REFUSED, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION}
_DENIED: Final = "permission denied"  # the election service wraps it in an unknown error
_INVALID_TOKEN: Final = ("invalid auth token", "revision of auth store is old")


def is_refusal(error: grpc.aio.AioRpcError) -> bool:
    """True if the cluster has answered, and another endpoint answers the same."""
    return error.code() in _FINAL or _DENIED in details(error)


def is_token_invalid(error: grpc.aio.AioRpcError) -> bool:
    """True if the server no longer knows the token, so that a new one must be requested."""
    return any(words in details(error) for words in _INVALID_TOKEN)


def refusal(error: grpc.aio.AioRpcError, place: str) -> SagaError:
    """The error to raise for a refusal. `place` names the cluster, without credentials."""
    if error.code() is grpc.StatusCode.NOT_FOUND:
        return NotFound(f"{place}: {details(error)}")
    if error.code() in _REFUSED or _DENIED in details(error):
        return AccessRefused(
            f"{place} answers but refuses ({details(error)}): check user and password of the URL,"
            " and that the user's role may read and write the keys under saga/"
        )
    return UsageError(f"{place} refuses: {details(error)}")


def unavailable(error: grpc.aio.AioRpcError, place: str) -> Unavailable:
    """The error to raise if no endpoint has answered."""
    return Unavailable(
        f"{place} cannot be reached or broke off ({error.code().name.lower()}: {details(error)}):"
        " check that a majority of its members runs, and the hosts, ports and certificates of the URL"
    )


def details(error: grpc.aio.AioRpcError) -> str:
    """The first line of what the server says."""
    return (error.details() or "no details").removeprefix("etcdserver: ").partition("\n")[0]
