"""A handler as this process serves it."""

from __future__ import annotations

from dataclasses import dataclass, field

from saga.core.state.mode import Mode
from saga.runtime.handlers.handler_caller import HandlerCaller
from saga.runtime.handlers.step_handler import StepHandler
from saga.runtime.steps.patience import Patience
from saga.runtime.steps.runner import StepRunner
from saga.runtime.timing.fair_gate import FairGate


@dataclass(frozen=True, slots=True)
class BoundHandler:
    """A handler with everything that its mode needs. `slots` limits how many handlers of its participant run at once."""

    handler: StepHandler
    mode: Mode
    runner: StepRunner
    caller: HandlerCaller
    slots: FairGate
    patience: Patience = field(default_factory=Patience)
