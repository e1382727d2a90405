"""The generated regions of docs/concepts/states.md, from the transition table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from saga.core.state.called_for import operation_of
from saga.core.state.letters import QUARANTINED_LETTERS, WORDS
from saga.core.state.mode import Mode
from saga.core.state.operation import Operation
from saga.core.state.phase import TERMINAL_PHASES, Phase
from tests.docs.reference.markdown import table

_PHASES: Final = {
    Phase.RUNNING: "it goes forward, or waits",
    Phase.COMPENSATING: "it goes back: effects are undone",
    Phase.ABANDONING: "given up by force; steps are being frozen",
    Phase.COMPLETED: "every step has succeeded, or was skipped",
    Phase.COMPENSATED: "rolled back: every step is clear",
    Phase.ABANDONED: "given up; effects that remain, or may remain, are listed",
}
_MEANINGS: Final = {
    "P": "it waits for its predecessors",
    "D": "sent out, outcome unknown; while compensating: a journaled step that waits for its successors to be clear",
    "W": "a journaled pivot that is asked to void or report",
    "U": "an external step that is called again, or probed, until its outcome is definite",
    "K": "its compensation is under way",
    "S": "its effect has happened",
    "N": "an operator skipped it after the pivot: there is no effect",
    "R": "it refused: there is no effect and never will be",
    "V": "there is no effect, and the step can no longer execute",
    "Z": "its effect is undone, or there was none",
    "G": "abandoning: frozen, until its outcome is known",
    "?": "abandoned: nobody can tell whether the effect happened",
}


def state_regions() -> dict[str, str]:
    phases = [
        (f"`{phase.value}`", phase.name, "yes" if phase in TERMINAL_PHASES else "", _PHASES[phase]) for phase in Phase
    ]
    letters = [
        (f"`{letter}`", word, _MEANINGS.get(letter, f"`{letter.upper()}`, waiting for an operator"))
        for letter, word in WORDS.items()
        if letter in _MEANINGS or letter in QUARANTINED_LETTERS
    ]
    calls = [
        (phase.name, f"`{letter}` {WORDS[letter]}", operation.name.lower().replace("_", " "), modes)
        for phase in Phase
        for letter in WORDS
        for operation, modes in _called(phase, letter)
    ]
    return {
        "phases": table(("Letter", "Phase", "Final", "Meaning"), phases),
        "letters": table(("Letter", "Word", "Meaning"), letters),
        "calls": table(("Phase", "Letter", "Command", "Modes"), calls),
    }


def _called(phase: Phase, letter: str) -> Iterator[tuple[Operation, str]]:
    asked = {mode: operation_of(phase, letter, mode) for mode in Mode if _may_stand(letter, mode)}
    for operation in Operation:
        modes = [mode.name.lower() for mode, found in asked.items() if found is operation]
        if modes:
            yield operation, ", ".join(modes)


def _may_stand(letter: str, mode: Mode) -> bool:
    """Voiding is for journaled steps, resolving for external ones."""
    return {"W": mode is Mode.JOURNALED, "w": mode is Mode.JOURNALED, "U": mode is Mode.EXTERNAL}.get(letter, True)
