"""An independent checker of the recorded history: was the protocol kept? It shares no code with the core.

`verify` checks every saga of a store, `check` a single one. The rules are written down a second time, in `saga.history.replay_state`.
"""

from __future__ import annotations

from saga.history.plan import GraphView, plan_of
from saga.history.replay import check
from saga.history.rule import Rule
from saga.history.verdict import Breach, Verdict
from saga.history.walk import Source, verify

__all__ = ["Breach", "GraphView", "Rule", "Source", "Verdict", "check", "plan_of", "verify"]
