"""Derives from a query what the store can filter by itself: each saga that passes the query passes that, too. A pure function."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Final, TypeVar
from uuid import UUID

from saga.core.state.letters import UNDER_WAY_LETTERS
from saga.core.state.phase import TERMINAL_PHASES, Phase
from saga.inspection.explanation import Situation
from saga.inspection.query.names import QUARANTINED, dashed, state_word
from saga.inspection.query.terms import Query, Term
from saga.inspection.wording import phase_word
from saga.ports.values.scan import Among, SagaScan

One = TypeVar("One")

_ENDS: Final = frozenset(
    dashed(each.value) for each in (Situation.COMPLETED, Situation.ROLLED_BACK, Situation.ABANDONED)
)
_AMONG: Final = {
    ("is", "stuck"): Among.PARKED,
    ("is", "retrying"): Among.DELAYED,
    ("why", "quarantined"): Among.PARKED,
    ("why", "retry-wait"): Among.DELAYED,
    ("state", QUARANTINED): Among.PARKED,
}
"""The smallest set that has every saga with this."""
_LIVE_NAMES: Final = frozenset(("attempts", "event", "process", "service"))
_LIVE_STATES: Final = frozenset(map(state_word, UNDER_WAY_LETTERS))
_NEED_COMMANDS: Final = ("attempts", "process", "why", "is")
_LIVE_PHASES: Final = frozenset(phase_word(phase) for phase in Phase if phase not in TERMINAL_PHASES)


def narrowed(query: Query, now: float) -> SagaScan:
    """The filters of the store for a query, and the smallest indexed set that has what it looks for."""
    scan = SagaScan(
        among=_among(query),
        ids=_common({UUID(text) for text in term.texts()} for term in query.positive("id")),
        keys=_common(term.texts() for term in _exact(query, "key")),
        phases=_common(
            {phase for phase in Phase if phase_word(phase) in term.texts()} for term in query.positive("phase")
        ),
        definitions=_common(term.texts() for term in _exact(query, "definition")),
        is_stuck=any(term.texts() == {"stuck"} for term in query.positive("is")),
        tags=tuple(
            (str(term.argument), next(iter(term.texts()))) for term in _exact(query, "tag") if len(term.values) == 1
        ),
        reason=next(
            (value.text for term in query.positive("reason") for value in term.values[:1] if _is_plain(term)), None
        ),
        with_commands=query.has(*_NEED_COMMANDS),
        with_keys=query.has("key"),
    )
    started = _times(query, "started", now, is_age=False) + _times(query, "age", now, is_age=True)
    lows = [low for low, _ in started if low > -math.inf]
    highs = [high for _, high in started if high < math.inf]
    return replace(scan, started_from=max(lows, default=None), started_until=min(highs, default=None))


def _is_plain(term: Term) -> bool:
    return len(term.values) == 1 and "*" not in term.values[0].text


def _exact(query: Query, name: str) -> list[Term]:
    return [term for term in query.positive(name) if all(value.is_exact for value in term.values)]


def _common(sets: Iterable[set[One] | frozenset[One]]) -> frozenset[One] | None:
    """Returns the elements that all of the sets have; None if there is no set."""
    found = list(sets)
    return frozenset(found[0]).intersection(*found[1:]) if found else None


def _among(query: Query) -> Among:
    found = {_among_of(term) for term in query.terms} - {Among.ALL}
    return min(found - {Among.LIVE} or found, key=lambda among: among.value, default=Among.ALL)


def _among_of(term: Term) -> Among:
    texts = term.texts()
    if term.is_negated:
        return Among.LIVE if term.name == "is" and "ended" in texts else Among.ALL
    if len(texts) == 1 and (known := _AMONG.get((term.name, next(iter(texts))))):
        return known
    is_live = (
        term.name in _LIVE_NAMES
        or (term.name == "step" and term.argument is None)
        or (term.name == "is" and not texts & {"ended", "rollback-requested"})
        or (term.name == "why" and not texts & _ENDS)
        or (term.name == "phase" and texts <= _LIVE_PHASES)
        or (term.name == "state" and texts <= _LIVE_STATES)
    )
    return Among.LIVE if is_live else Among.ALL


def _times(query: Query, name: str, now: float, *, is_age: bool) -> list[tuple[float, float]]:
    """The bounds of the start that terms with a single value set; a bound may be too wide by a second, never too narrow."""
    found = []
    for term in query.positive(name):
        if len(term.values) == 1:
            (value,) = term.values
            at = (now - value.number if is_age else value.number) if value.number is not None else math.nan
            is_after = ("<" if is_age else ">") in value.comparison
            found.append((at - 1, math.inf) if is_after else (-math.inf, at + 1))
    return found
