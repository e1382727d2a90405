"""Registers the definitions of a process, as soon as the contracts of their steps have been published."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

from saga.app import App
from saga.authoring import Definition
from saga.core.nearest import with_nearest
from saga.errors import Unavailable
from saga.logger import get_logger

RETRY_FIRST_SECONDS: Final = 0.1
RETRY_CAP_SECONDS: Final = 5.0
REPEAT_SECONDS: Final = 60.0


async def register(app: App, definitions: Sequence[Definition], *, overwrite: bool) -> None:
    """Returns when all definitions are registered. Logs what a definition waits for: each reason once, then every minute.

    It waits for missing contracts, because their participants may start later, and for the store. Other errors are raised.

    Raises:
        DefinitionError: a definition does not fit the contracts that are published, or is wrong in itself.
        Conflict: the store has another graph under the same name and version.
    """
    log = get_logger("saga")
    complaints = Complaints()
    waiting, pause = list(definitions), RETRY_FIRST_SECONDS
    while waiting:
        for definition in list(waiting):
            problem = await _try_register(app, definition, overwrite=overwrite)
            if problem is None:
                waiting.remove(definition)
                log.info("definition registered", definition=str(definition))
            elif complaints.note(definition, problem, asyncio.get_running_loop().time()):
                log.warning("definition not registered yet", definition=str(definition), why=problem)
        if waiting:
            await asyncio.sleep(pause)
            pause = min(pause * 2, RETRY_CAP_SECONDS)


class Complaints:
    """Decides when a reason is logged: when it is new, and then every minute, because nothing else reports it."""

    def __init__(self) -> None:
        self._logged: dict[Definition, tuple[str, float]] = {}

    def note(self, definition: Definition, problem: str, now: float) -> bool:
        """Notes a reason, and returns whether it must be logged now. `now` is in seconds, on a monotonic clock."""
        said, at = self._logged.get(definition, ("", 0.0))
        if said == problem and now - at < REPEAT_SECONDS:
            return False
        self._logged[definition] = problem, now
        return True


async def _try_register(app: App, definition: Definition, *, overwrite: bool) -> str | None:
    """Returns None once it is registered, else what it waits for."""
    try:
        contracts = set(await app.adapter.directory.contracts())
        if missing := [name for name in definition.contract_names if name not in contracts]:
            return "; ".join(_missing(missing, contracts))
        await app.register(definition, overwrite=overwrite)
    except Unavailable as error:
        return str(error)
    return None


def _missing(names: Sequence[str], contracts: set[str]) -> Iterator[str]:
    for name in names:
        yield with_nearest(f"no participant has published a contract for {name} yet", name, contracts)
