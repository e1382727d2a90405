"""A handler as this process serves it, and the reading of its input."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pydantic_core

from saga.core.graph import Graph
from saga.core.paths import resolve
from saga.core.states import Mode
from saga.ports.journal import Journal
from saga.ports.work import Work
from saga.runtime.context import Context
from saga.runtime.handlers import Callee, StepHandler


@dataclass(slots=True)
class Served:
    """A handler with its mode, its journal (journaled steps) and the threads for synchronous functions."""

    handler: StepHandler
    mode: Mode
    journal: Journal | None
    threads: ThreadPoolExecutor

    async def call(self, callee: Callee, values: tuple[Any, ...], context: Context, timeout_seconds: float) -> Any:
        """Run a handler function. A synchronous one runs in a thread; when its time is over it goes on there, unheard.

        Raises:
            TimeoutError: it took longer than the step's time-out.
        """
        bound = callee.bind(values, context)
        async with asyncio.timeout(timeout_seconds):
            if callee.is_async:
                return await bound()
            return await asyncio.get_running_loop().run_in_executor(self.threads, bound)


def input_of(work: Work, graph: Graph) -> bytes:
    """The step's input as JSON: the saga's own, or what its template makes of input and results."""
    template = graph.steps[work.step].inputs
    if template is None:
        return work.input
    results = {
        graph.steps[step].name: None if value is None else pydantic_core.from_json(value) for step, value in work.results.items()
    }
    return json.dumps(resolve(template, pydantic_core.from_json(work.input), results)).encode()
