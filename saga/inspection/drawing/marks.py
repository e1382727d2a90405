"""States as people see them: an icon, the word, and a kind, which a style sheet turns into lines and colours."""

from __future__ import annotations

from typing import Final, NamedTuple


class Mark(NamedTuple):
    """The look of a state. `kind`: ok, running, undoing, undone, rejected, finding, person, or idle; it is a class of the style sheet."""

    kind: str
    icon: str
    word: str


UNSURE: Final = "?"
_MARKS: Final[dict[str, tuple[str, str]]] = {
    "pending": ("idle", "◦"),
    "dispatched": ("running", "▶"),
    "voiding": ("finding", UNSURE),
    "resolving": ("finding", UNSURE),
    "compensating": ("undoing", "↶"),
    "succeeded": ("ok", "✓"),
    "skipped": ("idle", "»"),
    "rejected": ("rejected", "✕"),
    "rejected, handled": ("rejected", "✕"),
    "void": ("idle", "∅"),
    "compensated": ("undone", "↶"),
    "frozen": ("finding", "❄"),
    "effect unknown": ("finding", UNSURE),
    "running": ("running", "▶"),
    "abandoning": ("finding", "❄"),
    "completed": ("ok", "✓"),
    "abandoned": ("rejected", "✕"),
    "paused": ("idle", "‖"),
    "retry wait": ("running", "↻"),
    "unclaimed": ("running", "◷"),
    "waiting": ("running", "◷"),
    "stuck": ("person", "!"),
    "rollback requested": ("undoing", "↶"),
}


def mark_of(word: str) -> Mark:
    """Returns how a step's state, a phase or a flag is shown. A word that this build does not know is shown as it is, in grey."""
    if word.startswith("quarantined"):
        return Mark("person", "!", word)
    return Mark(*_MARKS.get(word, ("idle", "·")), word)
