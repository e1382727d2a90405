"""Compares the events that were sent to sagas with the steps that waited for them. All times are of one machine's clock."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from tests.chaos.records import Saga
from tests.chaos.waits.letters import (
    EXTRA_SECONDS,
    PAY_SECONDS,
    REMIND_SECONDS,
    REST_SECONDS,
    Letter,
    Manner,
    is_cancelled,
    letters_of,
)

COMPLETED, COMPENSATED = "D", "Z"
REJECTED = "R"
SUCCEEDED = "SZ"  # Z: and undone
PAYMENTS = "paid", "extra"
CONSUMERS = {"paid": PAYMENTS, "released": ("release",), "waived": ("release",), "cancelled": ("cancel_on_cancelled",)}
"""Name of an event -> the steps that may consume it."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An event in the inbox: `payload` is JSON, `at` is when it was inserted, `step` the name of the step that has consumed it."""

    saga: str
    event: str
    name: str
    payload: str
    at: float
    step: str | None


@dataclass(frozen=True)
class Waits:
    """All records of the sagas that wait: the inbox, the rows of the services, and what the customers were told.

    `stamps`: (table, saga) -> when an effect was made. `entries`: saga -> what was entered as paid, and as extra. `steps`: definition ->
    the names of its steps. `posted`: what was written in transactions of customers together with an event.
    """

    kept: Sequence[Kept] = ()
    stamps: Mapping[tuple[str, str], float] = field(default_factory=dict)
    entries: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    ended: Mapping[str, float] = field(default_factory=dict)
    reminded: Mapping[str, int] = field(default_factory=dict)
    steps: Mapping[str, Sequence[str]] = field(default_factory=dict)
    posted: frozenset[tuple[str, str]] = frozenset()
    acknowledged: Mapping[tuple[str, str], float] = field(default_factory=dict)
    wrong: Sequence[str] = ()

    @cached_property
    def kept_of(self) -> Mapping[str, Sequence[Kept]]:
        """The inbox by saga."""
        found: defaultdict[str, list[Kept]] = defaultdict(list)
        for kept in self.kept:
            found[kept.saga].append(kept)
        return found

    @cached_property
    def acknowledged_of(self) -> Mapping[str, Mapping[str, float]]:
        """The acknowledged events by saga, with the time of the answer: each was committed before."""
        found: defaultdict[str, dict[str, float]] = defaultdict(dict)
        for (saga, event), at in self.acknowledged.items():
            found[saga][event] = at
        return found


COUNTED = ("events consumed", "completions consumed", "timeouts", "sagas cancelled", "reminders")


def counts_of(sagas: Sequence[Saga], waits: Waits) -> Counter[str]:
    """The number of times that each way out of a wait was taken: those of `COUNTED`."""
    found = Counter(dict.fromkeys(COUNTED, 0))
    for one in waits.kept:
        if one.step is not None:
            is_completion, is_cancelling = one.name.startswith("$"), one.name == "cancelled"
            found[
                "completions consumed" if is_completion else "sagas cancelled" if is_cancelling else "events consumed"
            ] += 1
    found["reminders"] = sum(waits.reminded.values())
    for saga in sagas:
        if saga.definition == "booking":
            letters = dict(zip(waits.steps[saga.definition], saga.vector, strict=True))
            steps = {one.step for one in waits.kept_of.get(saga.id, ())}
            is_default = letters["extra"] in SUCCEEDED and "extra" not in steps
            found["timeouts"] += is_default or letters["paid"] == REJECTED
    return found


def of_waits(saga: Saga, waits: Waits) -> Iterator[tuple[str, str]]:
    """Returns what is wrong with the waits of one saga."""
    kept = {one.event: one for one in waits.kept_of.get(saga.id, ())}
    for event in waits.acknowledged_of.get(saga.id, {}).keys() - kept.keys():
        yield "lost event", f"the event {event} was acknowledged, and is not in the inbox"
    if saga.definition not in waits.steps:
        return
    yield from _of_inbox(saga, waits, kept)
    if saga.phase in (COMPLETED, COMPENSATED):
        one = _Ended(saga, waits, kept)
        yield from one.order()
        if saga.definition == "booking":
            yield from one.payments()
            yield from one.end()


def _of_inbox(saga: Saga, waits: Waits, kept: Mapping[str, Kept]) -> Iterator[tuple[str, str]]:
    """Each event is one that was sent, and has become the outcome of one step at most."""
    letters = {letter.event: letter for letter in letters_of(saga.number)}
    taken: set[str] = set()
    for event, one in kept.items():
        is_completion = one.name.startswith("$")
        if not is_completion and not _is_sent(letters.get(event), one):
            yield "wrong event", f"{one} was not sent, or not like this"
        if one.step is not None:
            allowed = (one.name[1:],) if is_completion else CONSUMERS[one.name]
            if one.step in taken or one.step not in allowed:
                yield "doubled event", f"{one.step} has consumed {event}, and another one, or may not"
            taken.add(one.step)
    for event, letter in letters.items():
        if letter.manner is Manner.WITHIN and ((saga.id, event) in waits.posted) != (event in kept):
            yield "torn transaction", f"the event {event} and its row were not written together"


def _is_sent(letter: Letter | None, kept: Kept) -> bool:
    return (
        letter is not None
        and letter.manner is not Manner.ABORTED
        and (letter.name, str(letter.payload)) == (kept.name, kept.payload)
    )


class _Ended:
    """A saga that has ended."""

    def __init__(self, saga: Saga, waits: Waits, kept: Mapping[str, Kept]) -> None:
        self._saga = saga
        self._waits = waits
        self._kept = kept
        self._consumed = {one.step: one for one in kept.values() if one.step is not None}
        self._letters = dict(zip(waits.steps[saga.definition], saga.vector, strict=True))

    def order(self) -> Iterator[tuple[str, str]]:
        """No step ran before the event or the moment for which a step before it has waited."""
        held, entered, admitted = (self._at(table) for table in ("held", "entered", "admitted"))
        behind = {"paid": entered, "extra": entered, "release": admitted, "apply": admitted, "scan": admitted}
        for step, at in behind.items():
            if at is not None and step in self._consumed and at < self._consumed[step].at:
                yield "too early", f"a step behind {step} ran {self._consumed[step].at - at:.3f} s before its event"
        for what, at, seconds in (
            ("entered", entered, REST_SECONDS),
            ("reminded", self._at("reminded"), REMIND_SECONDS),
        ):
            if held is not None and at is not None and at < held + seconds:
                yield "too early", f"it was {what} {held + seconds - at:.3f} s before its time"
        if self._waits.reminded.get(self._saga.id, 0) > 1:
            yield "duplicated", "it was reminded more than once"

    def payments(self) -> Iterator[tuple[str, str]]:
        """A wait ends with an event that was there in time, and without one not before its time."""
        held, paid, extra = self._at("held"), self._consumed.get("paid"), self._consumed.get("extra")
        entry = self._waits.entries.get(self._saga.id)
        wanted = (int(paid.payload) if paid else None, int(extra.payload) if extra else 0)
        if entry is not None and entry != wanted:
            yield "wrong payload", f"{entry} was entered, and {wanted} was consumed"
        if held is not None and self._letters["paid"] == REJECTED:
            ended = self._waits.ended[self._saga.id]
            yield from self._timed_out("paid", held + PAY_SECONDS, ended)
        if held is not None and paid and not extra and self._letters["extra"] in SUCCEEDED:
            began = max(held, paid.at)
            yield from self._timed_out("extra", began + EXTRA_SECONDS, self._at("entered"))

    def end(self) -> Iterator[tuple[str, str]]:
        """It completes unless it was not paid, or was cancelled."""
        is_paid, is_released = "paid" in self._consumed, "release" in self._consumed
        has_cancelled = "cancel_on_cancelled" in self._consumed
        if self._saga.phase == COMPLETED and not (is_paid and is_released and not has_cancelled):
            yield "wrong end", "it has completed, and was not paid, not released, or cancelled"
        if self._saga.phase == COMPENSATED and not has_cancelled and self._letters["paid"] != REJECTED:
            yield "wrong end", "nobody has cancelled it, and the payment was not too late"
        if has_cancelled and not is_cancelled(self._saga.number):
            yield "wrong end", "nobody has cancelled it"

    def _at(self, table: str) -> float | None:
        return self._waits.stamps.get((table, self._saga.id))

    def _timed_out(self, step: str, moment: float, gone_on_at: float | None) -> Iterator[tuple[str, str]]:
        """`moment` is the earliest possible end of its time, `gone_on_at` a moment after which it was over."""
        if gone_on_at is not None and gone_on_at < moment:
            yield "too early", f"the time of {step} was over {moment - gone_on_at:.3f} s before its moment"
        for event, at in self._waits.acknowledged_of.get(self._saga.id, {}).items():
            one = self._kept.get(event)
            if one is not None and one.name == "paid" and one.step is None and at < moment:
                yield "missed event", f"{step} timed out, and {event} was committed {moment - at:.3f} s before"
