"""Was the protocol kept? An independent checker of the recorded history: it shares no code with the core.

`verify` checks every saga of a store; `check` judges one. The rules are stated a second time, in `saga.history.standing`.
"""

from __future__ import annotations

from saga.history.plan import GraphView, plan_of
from saga.history.replay import check
from saga.history.rule import Rule
from saga.history.verdict import Breach, Verdict
from saga.history.walk import Source, verify

__all__ = ["Breach", "GraphView", "Rule", "Source", "Verdict", "check", "plan_of", "verify"]
