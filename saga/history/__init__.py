"""Was the protocol kept? An independent checker of what a store recorded: it shares no code with the core.

`verify` walks over a store's sagas; `check` judges one. The rules are stated once more, plainly, in `saga.history.standing`.
"""

from __future__ import annotations

from saga.history.chronicle import Chronicle, Note, Page
from saga.history.plan import Plan, plan_of
from saga.history.replay import check
from saga.history.rule import Rule
from saga.history.verdict import Finding, Verdict
from saga.history.walk import Source, verify

__all__ = ["Chronicle", "Finding", "Note", "Page", "Plan", "Rule", "Source", "Verdict", "check", "plan_of", "verify"]
