"""Compares what the customers were told with what the services did. A pure function over their records.

From Saga's tables it takes only how each saga ended. Whether that end is right follows from the number of the order and
from the services' own tables.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.chaos.expected import effects_of, must_complete
from tests.chaos.records import Row, Saga
from tests.chaos.system.customer import Answers
from tests.chaos.system.provider import Line
from tests.chaos.waits.audit import Waits, counts_of, of_waits

ENDINGS = {"D": "completed", "Z": "compensated", "X": "abandoned"}
COMPLETED = "D"


@dataclass(frozen=True, slots=True)
class Evidence:
    """All records: of the store, of the services (table -> rows), of the provider, and of the customers.

    `leaked` are leftovers of things that must go away, `broken` the findings of the history checker in that many
    `transitions`, `died` the processes that ended without being killed.
    """

    sagas: Sequence[Saga]
    tables: Mapping[str, Sequence[Row]]
    provider: Sequence[Line]
    answers: Answers
    leaked: Sequence[str] = ()
    broken: Sequence[str] = ()
    transitions: int = 0
    died: Sequence[str] = ()
    waits: Waits = field(default_factory=Waits)


@dataclass(slots=True)
class Verdict:
    """The counts, and the first violations of every kind in words."""

    sagas: int = 0
    transitions: int = 0
    endings: Counter[str] = field(default_factory=Counter)
    waits: Counter[str] = field(default_factory=Counter)
    violations: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, fact: str) -> None:
        self.violations[kind] += 1
        self.examples.setdefault(kind, fact)


def audit(evidence: Evidence) -> Verdict:
    """Counts what is lost, duplicated, stuck, leaked, or not as the customers were told; without violations all is well."""
    verdict = Verdict(len(evidence.sagas), evidence.transitions, waits=counts_of(evidence.sagas, evidence.waits))
    effects = _Effects(evidence)
    for saga in evidence.sagas:
        verdict.endings[ENDINGS.get(saga.phase, "open")] += 1
        for kind, fact in (*_of_its_end(saga), *effects.of(saga), *of_waits(saga, evidence.waits)):
            verdict.add(kind, f"{saga.definition} {saga.number} ({saga.id}, {saga.phase} {saga.vector}): {fact}")
    for kind, fact in (*_told(evidence), *effects.of_nobody()):
        verdict.add(kind, fact)
    for kind, found in (("leaked", evidence.leaked), ("history", evidence.broken), ("died", evidence.died)):
        for what in found:
            verdict.add(kind, what)
    return verdict


def _of_its_end(saga: Saga) -> Iterator[tuple[str, str]]:
    if saga.phase not in ENDINGS:
        is_quarantined = any(letter.islower() for letter in saga.vector)
        yield "stuck", "is quarantined, and nobody is needed" if is_quarantined else "has not ended"
    elif must_complete(saga.number) not in (None, saga.phase == COMPLETED):
        yield "wrong end", "no business answer says so"


class _Effects:
    """Effects by saga, each identified by its amount: n done, -n undone."""

    def __init__(self, evidence: Evidence) -> None:
        tables = {
            **evidence.tables,
            "charged": [Row(one.saga, one.amount) for one in evidence.provider if _is_effect(one)],
        }
        self._amounts = {name: _by_saga(rows) for name, rows in tables.items()}
        self._keys: defaultdict[tuple[str, bool], set[str]] = defaultdict(set)
        for line in evidence.provider:
            self._keys[line.saga, line.amount > 0].add(line.key)
        self._times = Counter(line.key for line in evidence.provider if _is_effect(line))
        self._known = {saga.id for saga in evidence.sagas}

    def of(self, saga: Saga) -> Iterator[tuple[str, str]]:
        """Returns what is wrong with the effects of one ended saga."""
        if saga.phase in ENDINGS:
            for name, amounts in self._amounts.items():
                found = sorted(amounts.get(saga.id, ()))
                yield from _compared(name, found, _wanted(name, saga, found))
        for is_done in (True, False):
            keys = self._keys.get((saga.id, is_done), set())
            if len(keys) > 1:
                yield "keys", f"{len(keys)} keys for one {'charge' if is_done else 'refund'}"

    def of_nobody(self) -> Iterator[tuple[str, str]]:
        for name, amounts in self._amounts.items():
            for saga in amounts.keys() - self._known:
                yield "unowned", f"{name} has an effect of {saga}, which no store knows"
        for key, times in self._times.items():
            if times > 1:
                yield "provider", f"the provider itself took key {key} {times} times"


def _wanted(name: str, saga: Saga, found: Sequence[int]) -> list[int]:
    """Returns the rows that a table must have of a saga: each effect once, and its reversal once if it was undone."""
    if name not in effects_of(saga.number):
        return []
    if must_complete(saga.number) is None and saga.phase != COMPLETED and not found:
        return []  # it was rolled back before
    return [saga.number] if saga.phase == COMPLETED else [-saga.number, saga.number]


def _compared(name: str, found: list[int], wanted: list[int]) -> Iterator[tuple[str, str]]:
    if Counter(found) - Counter(wanted):
        yield "duplicated", f"{name}: {found}, expected {wanted}"
    if Counter(wanted) - Counter(found):
        yield "lost", f"{name}: {found}, expected {wanted}"


def _told(evidence: Evidence) -> Iterator[tuple[str, str]]:
    by_key = {saga.key: saga for saga in evidence.sagas}
    by_id = {saga.id: saga for saga in evidence.sagas}
    for number, started in evidence.answers.started.items():
        saga = by_key.get(str(number))
        if saga is None or saga.id != started:
            yield "lost start", f"the start of {number} as {started} was acknowledged, the store has {saga}"
    for ended, status in evidence.answers.ended.items():
        saga = by_id.get(ended)
        if saga is None or ENDINGS.get(saga.phase) != status:
            yield "told wrong", f"a customer was told that {ended} is {status}, the store has {saga}"
    for (definition, key), times in Counter((saga.definition, saga.key) for saga in evidence.sagas).items():
        if times > 1:
            yield "start keys", f"{times} sagas of {definition} have the start key {key}"
    for line in (*evidence.answers.refused, *evidence.waits.wrong):
        yield "refused", line


def _by_saga(rows: Sequence[Row]) -> dict[str, list[int]]:
    found: defaultdict[str, list[int]] = defaultdict(list)
    for row in rows:
        found[row.saga].append(row.amount)
    return dict(found)


def _is_effect(line: Line) -> bool:
    return line.word == "effect"
