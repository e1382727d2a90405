"""Summaries of the live sagas: what needs an operator, grouped by its cause, and what waits until when. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from saga.core.state.letters import QUARANTINED_LETTERS
from saga.inspection.documents import Document
from saga.inspection.instants import Instant
from saga.inspection.step_wait import evidence_for
from saga.inspection.why import why
from saga.ports.saga_detail import SagaDetail

SAMPLES_MAX: Final = 5
"""Maximum number of sagas that a group names."""
GROUP_BY: Final = ("reason", "step", "definition", "service")
_VARIABLE: Final = re.compile(r"""[0-9a-f]{8}-[0-9a-f-]{27}|'[^']*'|"[^"]*"|\b[0-9a-f]{12,}\b|\d+""", re.IGNORECASE)


def fingerprint(text: str) -> str:
    """The text with what differs from saga to saga as `#`: numbers, ids, quoted parts."""
    return _VARIABLE.sub("#", text)


@dataclass
class _Group:
    """The quarantined steps with one cause."""

    definition: str
    step: str
    service: str
    reason: str
    evidence: frozenset[str]
    is_served: bool
    sagas: list[tuple[float, UUID]] = field(default_factory=list)


def stuck_document(details: Iterable[SagaDetail], by: str = "reason") -> list[Document]:
    """The stuck sagas in groups, the largest first. `by`: one of GROUP_BY."""
    groups: dict[tuple[str, ...], _Group] = {}
    for detail in details:
        for position, letter in enumerate(detail.state.vector):
            if letter in QUARANTINED_LETTERS:
                _add(groups, detail, position, by)
    ordered = sorted(groups.values(), key=lambda group: (-len(group.sagas), min(group.sagas)))
    return [_group_document(group, by) for group in ordered]


def waiting_document(details: Sequence[SagaDetail], limit: int) -> list[Document]:
    """Lists what the live sagas wait for, by when it happens by itself; what waits for a person alone comes last."""
    answers = [(why(detail), detail) for detail in details]
    answers.sort(key=lambda one: (one[0].outlook[0] is None, one[0].outlook[0] or one[0].since))
    return [
        {"saga": str(detail.saga), "definition": detail.graph.name, **answer.document()}
        for answer, detail in answers[:limit]
    ]


def _add(groups: dict[tuple[str, ...], _Group], detail: SagaDetail, position: int, by: str) -> None:
    step, command = detail.graph.steps[position], detail.commands.get(position)
    reason = fingerprint((command.error if command is not None else None) or "")
    keys: Mapping[str, tuple[str, ...]] = {
        "reason": (detail.graph.name, step.name, reason),
        "step": (detail.graph.name, step.name),
        "definition": (detail.graph.name,),
        "service": (step.service,),
    }
    evidence = frozenset(evidence_for(detail.graph, detail.state.vector, position))
    is_served = bool(detail.serving.get(step.service))
    made = _Group(detail.graph.name, step.name, step.service, reason, evidence, is_served)
    group = groups.setdefault(keys[by], made)
    group.evidence &= evidence
    since = command.first_failed_at if command is not None else None
    group.sagas.append((since or detail.started_at, detail.saga))


def _group_document(group: _Group, by: str) -> Document:
    sagas = {saga for _, saga in group.sagas}
    oldest = min(group.sagas)[0]
    place = {
        "definition": group.definition if by != "service" else None,
        "step": group.step if by in ("reason", "step") else None,
        "service": group.service if by != "definition" else None,
        "reason": group.reason if by == "reason" else None,
    }
    return {
        **place,
        "count": len(sagas),
        "oldest": Instant(oldest),
        "samples": [str(saga) for _, saga in sorted(group.sagas)[:SAMPLES_MAX]],
        "evidence": sorted(group.evidence),
        "service_is_alive": group.is_served,
    }
