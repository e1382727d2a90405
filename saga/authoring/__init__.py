"""Definitions written in Python: `Definition`, its steps, `Retry` and recorded paths."""

from saga.authoring.definition import Definition, StepHandle
from saga.authoring.path import Path
from saga.authoring.retry import Retry

__all__ = ["Definition", "Path", "Retry", "StepHandle"]
