"""Definitions written in Python: `Definition`, its steps, `Retry` and recorded paths."""

from saga.authoring.condition import Condition
from saga.authoring.definition import Definition
from saga.authoring.path import Path
from saga.authoring.retry import Retry
from saga.authoring.schedule import Schedule
from saga.authoring.step_handle import StepHandle, any_of, at_least

__all__ = ["Condition", "Definition", "Path", "Retry", "Schedule", "StepHandle", "any_of", "at_least"]
