"""The answers of the API as types, for `openapi.json`: clients are generated from it. Names may be added to an answer, not changed."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired
from uuid import UUID

from pydantic import WithJsonSchema
from typing_extensions import TypedDict

from saga.core.definition.json_value import Json
from saga.inspection.actions.request import ActionName, Evidence

Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
Payload = Annotated[Json, WithJsonSchema({"description": 'Any JSON; `{"$hidden": "..."}` where it is not shown.'})]
Phase = Literal["running", "compensating", "abandoning", "completed", "compensated", "abandoned"]


class Answered(TypedDict):
    """`now`: the time on the clock of the store."""

    now: Time


class SagaState(TypedDict):
    """What a list and the saga itself have in common."""

    saga: UUID
    definition: str
    version: int
    phase: Phase
    roll_back_requested: bool
    paused: bool
    stuck: bool
    deadline: Time | None
    compensation_budget_ends_at: Time | None
    reason: str | None
    key: str | None
    started_at: Time
    ended_at: Time | None


class SagaLine(SagaState):
    """A saga in a list. `steps`: the steps that are under way; `since`: when it last changed."""

    steps: list[str]
    since: Time


class SagaPage(Answered):
    """A page of a search. `next`: the cursor of the next page; `complete`: false if the search was cut short at `scanned_to`."""

    sagas: list[SagaLine]
    next: str | None
    complete: bool
    scanned_to: UUID | None


class Started(Answered):
    """`is_new`: false if the saga was there before, with the same key or id."""

    saga: UUID
    is_new: bool


class FoundByKey(Answered):
    saga: UUID


class Why(TypedDict):
    """What a saga waits for. `until`: when something happens by itself; `then`: what."""

    situation: str
    step: str | None
    waits_for: str | None
    since: Time
    until: Time | None
    then: str
    who: list[str]
    remedy: str | None
    note: str | None


class WhyOfSaga(Why):
    now: Time
    saga: UUID


class Step(TypedDict):
    """A step of a saga. `due_at` and `lease_until` are those of the command that is under way."""

    name: str
    kind: str
    service: str
    mode: str
    pivot: bool
    state: str
    reason: str | None
    attempts: int
    failures: int
    process: str | None
    operation: str | None
    due_at: Time | None
    lease_until: Time | None
    error: str | None
    finished_at: Time | None
    result: Payload


class StepOfSaga(Step):
    now: Time


class HistoryLine(TypedDict):
    """A transition of a saga."""

    at: Time
    event: str
    step: str | None
    detail: str | None
    process: str | None
    operation: str | None


class Effect(TypedDict):
    """The effect of a step in its service."""

    step: str
    service: str
    effect: Literal["not yet", "stands", "undone", "never happened", "unknown", "left"]
    state: str
    can_be_undone: bool
    finished_at: Time | None


class Allowed(TypedDict):
    """An action. `why_not`: why the state of the saga, or the role, does not allow it."""

    action: ActionName
    step: str | None
    evidence: Evidence | None
    is_grave: bool
    ok: bool
    why_not: str | None


class Saga(SagaState):
    """A saga at one moment, with the parts that were asked for."""

    now: Time
    tags: dict[str, str] | None
    input: NotRequired[Payload]
    result: NotRequired[Payload]
    why: NotRequired[Why]
    steps: NotRequired[list[Step]]
    history: NotRequired[list[HistoryLine]]
    effects: NotRequired[list[Effect]]
    allowed: NotRequired[list[Allowed]]


class Ending(Answered):
    """How a saga ended. `value`: what a completed saga returns."""

    saga: UUID
    status: Literal["completed", "compensated", "abandoned"]
    value: Payload
    reason: str | None


class NotEnded(Answered):
    """The saga goes on."""

    saga: UUID
    status: None


class History(Answered):
    """`next`: the cursor of the next page."""

    saga: UUID
    history: list[HistoryLine]
    next: str | None


class GraphNode(TypedDict):
    name: str
    service: str
    pivot: bool
    state: str


class SagaGraph(Answered):
    """`edges`: pairs of names, each step with one that follows it."""

    saga: UUID
    nodes: list[GraphNode]
    edges: list[list[str]]


class Effects(Answered):
    saga: UUID
    effects: list[Effect]


class Undo(TypedDict):
    """A step that an action undoes."""

    step: str
    service: str
    state: str
    undo: str


class Plan(TypedDict):
    """What an action does. `digest`: approves exactly this plan, as If-Match; `refusal`: why the action is refused."""

    saga: UUID
    action: str
    step: str | None
    refusal: str | None
    changes: list[str]
    stages: list[list[Undo]]
    kept: list[str]
    residue: list[str]
    calls: dict[str, int]
    digest: str


class Planned(Answered):
    """The answer to `dry_run`."""

    plan: Plan


class AuditLine(TypedDict):
    """An action that was carried out, or refused. `before`, `after`: the saga, as far as the action changes it."""

    id: int
    at: Time
    saga: UUID | None
    actor: str
    authenticated: str | None
    address: str | None
    action: str
    step: str | None
    reason: str | None
    request: str | None
    plan: str | None
    refusal: str | None
    before: Json
    after: Json


class Audit(Answered):
    """`next`: the `before` of the next page."""

    audit: list[AuditLine]
    next: int | None


class AuditOfSaga(Audit):
    saga: UUID


class Version(TypedDict):
    """A version of a definition. `default`: a start by name uses it."""

    name: str
    version: int
    default: bool
    steps: int
    services: list[str]
    live_sagas: int
    hash: str


class Definitions(Answered):
    definitions: list[Version]


class Versions(Answered):
    name: str
    versions: list[Version]


class VersionDetails(Answered):
    """`graph`: the canonical form, whose hash it is; `mermaid`: the same as a flow chart."""

    name: str
    version: int
    hash: str
    graph: dict[str, Json]
    input_schema: Json
    mermaid: str


LiveSagas = TypedDict("LiveSagas", {"from": int, "to": int})

Difference = TypedDict(
    "Difference",
    {
        "now": Time,
        "name": str,
        "from": int,
        "to": int,
        "changes": list[str],
        "live_sagas": LiveSagas,
        "default": int | None,
        "only_from_needs": list[str],
        "effect": list[str],
    },
)
"""`default`: the version that a start by name uses; `only_from_needs`: handlers that only sagas of `from` call."""


class Registered(Answered):
    """`number`: of the definition in the store; null after a dry run of a new one."""

    name: str
    version: int
    hash: str
    number: int | None
    is_new: bool
    warnings: list[str]


class Activated(Answered):
    """`before`: the version that a start by name used until then."""

    name: str
    version: int
    before: int | None


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
