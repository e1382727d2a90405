"""Answers about sagas."""

from __future__ import annotations

from typing import Literal, NotRequired
from uuid import UUID

from typing_extensions import TypedDict

from saga.api.answers.shared import Answered, Payload, Time
from saga.inspection.actions.request import ActionName, Evidence

Phase = Literal["running", "compensating", "abandoning", "completed", "compensated", "abandoned"]


class SagaState(TypedDict):
    """The facts that a list and the saga itself have in common."""

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
    """The reason why a saga does not move on. `until`: when something happens by itself; `then`: what."""

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
    """The end of a saga. `value`: what a completed saga returns."""

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


class Sent(Answered):
    """An event, or the outcome of a step, that is recorded. `is_new`: false if it was known by its id."""

    id: str
    is_new: bool
