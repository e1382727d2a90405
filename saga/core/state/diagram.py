"""The page on the state machine: Markdown with Mermaid diagrams, generated from the tables that `decide` is tested against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from saga.core.state.letters import WORDS
from saga.core.state.phase import TERMINAL_PHASES, Phase
from saga.core.state.transitions import PHASE_TRANSITIONS, STEP_TRANSITIONS, StepTransition

_ALL_MODES: Final = "TJX"
_TITLES: Final = {
    Phase.RUNNING: ("Forward", "The letters of a step while its saga is RUNNING."),
    Phase.COMPENSATING: ("Backward", "The letters of a step while its saga is rolled back."),
    Phase.ABANDONING: ("Abandoned", "The letters of a step while its saga is ended by force."),
}
_HEAD: Final = """\
# The state machine

Generated from the tables in `saga/core/state/transitions.py`, which the tests compare with every decision;
`SAGA_REWRITE=1 make check` regenerates it. E1 to E14 are the rules of the protocol. Modes: T transactional, J journaled, X external.
"""


def state_machine() -> str:
    """The whole page."""
    parts = [_HEAD, "## The saga\n", _fenced(_phases()), "## Its steps\n", _letters()]
    for phase, (title, sentence) in _TITLES.items():
        rows = [row for row in STEP_TRANSITIONS if row.phase is phase]
        parts += [f"### {title}\n", f"{sentence}\n", _fenced(_steps(rows)), _table(rows)]
    return "\n".join(parts)


def _phases() -> Iterator[str]:
    yield f"[*] --> {Phase.RUNNING.name}: E1 start"
    for row in PHASE_TRANSITIONS:
        yield f"{row.before.name} --> {row.after.name}: {row.rule}"
    for phase in Phase:
        if phase in TERMINAL_PHASES:
            yield f"{phase.name} --> [*]"


def _steps(rows: Iterable[StepTransition]) -> Iterator[str]:
    """One arrow per pair of letters, labelled with all its rules."""
    rules: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        rules.setdefault((row.before, row.after), []).append(f"{row.rule}{_only(row)}")
    for (before, after), labels in rules.items():
        yield f"{_identifier(before)} --> {_identifier(after)}: {', or '.join(labels)}"


def _only(row: StepTransition) -> str:
    return "" if row.modes == _ALL_MODES else f" [{' '.join(row.modes)}]"


def _identifier(letter: str) -> str:
    """Mermaid allows no spaces or brackets in the name of a state."""
    return WORDS[letter].replace(" (", "_").replace(")", "").replace(" ", "_")


def _fenced(lines: Iterable[str]) -> str:
    return "\n".join(["```mermaid", "stateDiagram-v2", *(f"    {line}" for line in lines), "```", ""])


def _letters() -> str:
    rows = [f"| `{letter}` | {word} |" for letter, word in WORDS.items()]
    return "\n".join(["| Letter | Meaning |", "| --- | --- |", *rows, ""])


def _table(rows: Iterable[StepTransition]) -> str:
    lines = [
        f"| `{row.before}` {WORDS[row.before]} | `{row.after}` {WORDS[row.after]} | {' '.join(row.modes)} | {row.rule} |"
        for row in rows
    ]
    return "\n".join(["| From | To | Modes | Rule |", "| --- | --- | --- | --- |", *lines, ""])
