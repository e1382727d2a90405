"""The refusal of a call, as a client hears of it."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from saga.api.grpc.refusals import DETAILS, code_of, reason_of
from saga.api.problems import KINDS


@dataclass
class Refusal:
    """`facts`: the facts of the problem as texts."""

    detail: str = ""
    facts: dict[str, str] = field(default_factory=dict)


@contextmanager
def refused(name: str) -> Iterator[Refusal]:
    """The block is refused with this problem, in the words and codes of gRPC."""
    found = Refusal()
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        yield found
    error = raised.value
    trailing = dict(iter(error.trailing_metadata() or ()))  # older versions have no items
    assert DETAILS in trailing, (error.code(), error.details())
    status, info = Status.FromString(trailing[DETAILS]), ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (error.code(), info.domain, info.reason) == (code_of(KINDS[name]), "saga", reason_of(KINDS[name]))
    assert (status.code, status.message) == (error.code().value[0], error.details())
    found.detail, found.facts = status.message, dict(info.metadata)


async def problem_of_call(call: Awaitable[object], name: str) -> Refusal:
    """Awaits a call that is refused with this problem."""
    with refused(name) as refusal:
        await call
    return refusal
