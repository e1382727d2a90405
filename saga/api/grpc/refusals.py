"""Problems as statuses of gRPC: the same names as over REST, in google.rpc.ErrorInfo."""

from __future__ import annotations

import json
from typing import Final

import grpc
from google.protobuf.any_pb2 import Any as Packed
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from saga.api import problems
from saga.api.problems import BROKEN, Kind, Problem, problem_of
from saga.inspection.instants import with_texts
from saga.logger import get_logger

DOMAIN: Final = "saga"
DETAILS: Final = "grpc-status-details-bin"
DETAIL_BYTES_MAX: Final = 1_000
"""Maximum size of the sentence of a problem: a client takes 8 KiB of metadata, where other text than ASCII is three times as long."""
FACTS_BYTES_MAX: Final = 2_000
"""Maximum size of the facts of a problem; those beyond it are left out. A client asks PlanAction for a longer plan."""

_CODES: Final[dict[Kind, grpc.StatusCode]] = {
    problems.USAGE: grpc.StatusCode.INVALID_ARGUMENT,
    problems.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    problems.FORBIDDEN: grpc.StatusCode.PERMISSION_DENIED,
    problems.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    problems.NOT_ALLOWED: grpc.StatusCode.UNIMPLEMENTED,
    problems.CONFLICT: grpc.StatusCode.FAILED_PRECONDITION,
    problems.STALE: grpc.StatusCode.ABORTED,
    problems.PLAN_MOVED: grpc.StatusCode.FAILED_PRECONDITION,
    problems.TOO_LARGE: grpc.StatusCode.RESOURCE_EXHAUSTED,
    problems.WRONG_MEDIA_TYPE: grpc.StatusCode.INVALID_ARGUMENT,
    problems.REFUSED: grpc.StatusCode.INVALID_ARGUMENT,
    problems.DEFINITION_REFUSED: grpc.StatusCode.INVALID_ARGUMENT,
    problems.PLAN_NEEDED: grpc.StatusCode.FAILED_PRECONDITION,
    problems.TOO_MANY: grpc.StatusCode.RESOURCE_EXHAUSTED,
    problems.BROKEN: grpc.StatusCode.INTERNAL,
    problems.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
}


def code_of(kind: Kind) -> grpc.StatusCode:
    return _CODES[kind]


def refusal_of(error: Exception, method: str) -> tuple[grpc.StatusCode, str, tuple[tuple[str, bytes], ...]]:
    """Code, sentence and trailing metadata for an error. A bug is logged, and shows nothing of itself."""
    try:
        problem = problem_of(error)
    except Exception:  # noqa: BLE001 (whatever it is, the server is to blame)
        get_logger("saga.api").exception("call failed", called=method)
        problem = Problem(BROKEN, BROKEN.title)
    code = code_of(problem.kind)
    detail = _shortened(problem.detail)
    info = ErrorInfo(reason=reason_of(problem.kind), domain=DOMAIN, metadata=_facts(problem))
    packed = Packed()
    packed.Pack(info)
    status = Status(code=code.value[0], message=detail, details=[packed])
    return code, detail, ((DETAILS, status.SerializeToString()),)


def reason_of(kind: Kind) -> str:
    """The name of a problem as ErrorInfo has it: PLAN_MOVED."""
    return kind.name.upper().replace("-", "_")


def _facts(problem: Problem) -> dict[str, str]:
    found, left = dict[str, str](), FACTS_BYTES_MAX
    for name, fact in problem.facts.items():
        text = fact if isinstance(fact, str) else json.dumps(with_texts(fact), ensure_ascii=False)
        left -= len(text.encode())
        if left >= 0:
            found[name] = text
    return found


def _shortened(text: str) -> str:
    data = text.encode()
    return text if len(data) <= DETAIL_BYTES_MAX else data[: DETAIL_BYTES_MAX - 3].decode(errors="ignore") + "…"
