"""Answers about the installation as a whole, and tokens."""

from __future__ import annotations

from uuid import UUID

from typing_extensions import TypedDict

from saga.api.answers.sagas import Why
from saga.api.answers.shared import Answered, Time
from saga.inspection.actions.request import Evidence


class StuckGroup(TypedDict):
    """Quarantined steps with one cause. `samples`: some of the sagas; `evidence`: what a resolve may say of all of them."""

    definition: str | None
    step: str | None
    service: str | None
    reason: str | None
    count: int
    oldest: Time
    samples: list[UUID]
    evidence: list[Evidence]
    service_is_alive: bool


class Summary(Answered):
    """`complete`: false if there are more live sagas than were read, down to `scanned_to`."""

    complete: bool
    scanned_to: UUID | None


class Stuck(Summary):
    groups: list[StuckGroup]


class WhyInList(Why):
    saga: UUID
    definition: str


class Waiting(Summary):
    waiting: list[WhyInList]


class Handler(TypedDict):
    handler: str
    mode: str
    compensation: bool
    probe: bool


class Service(TypedDict):
    """`queued`: commands that are due; `oldest_wait_seconds`: for how long the oldest of them has been."""

    name: str
    handlers: list[Handler]
    processes: list[str]
    capacity: int
    in_flight: int
    queued: int
    oldest_wait_seconds: float | None
    definitions: list[str]
    live_sagas: int


class ServiceNow(Service):
    now: Time


class Services(Answered):
    services: list[Service]


class Process(TypedDict):
    number: int
    name: str
    services: list[str]
    capacity: int
    in_flight: int
    seen_at: Time


class Processes(Answered):
    processes: list[Process]


class Leader(Answered):
    """The supervisor that leads. `term`: the number of its leadership."""

    name: str | None
    term: int | None
    seen_at: Time | None
    alive: bool


class Check(TypedDict):
    name: str
    ok: bool
    detail: str
    remedy: str | None


class Doctor(Answered):
    ok: bool
    checks: list[Check]


class Me(Answered):
    """`how`: the way in which the sender was recognised; `version`: of the build that answers."""

    name: str
    role: str
    how: str
    reads_payloads: bool
    namespace: str
    version: str


class Token(TypedDict):
    id: str
    name: str
    role: str
    created_at: Time
    created_by: str
    expires_at: Time | None
    revoked_at: Time | None
    used_at: Time | None


class Tokens(Answered):
    tokens: list[Token]


class NewToken(Answered):
    """`token`: the text to send, which is shown here only."""

    token: str
    id: str
    name: str
    role: str


class RevokedToken(Answered):
    id: str
    revoked: bool
