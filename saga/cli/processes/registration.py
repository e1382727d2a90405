"""Registers the definitions of a process, as soon as the contracts of their steps have been published."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

from saga.app import App
from saga.authoring import Definition
from saga.cli.store import did_you_mean
from saga.errors import Unavailable
from saga.logger import get_logger

RETRY_FIRST_SECONDS: Final = 0.1
RETRY_CAP_SECONDS: Final = 5.0


async def register(app: App, definitions: Sequence[Definition], *, overwrite: bool) -> None:
    """Returns when all definitions are registered. Logs what a definition waits for, once for each reason.

    Contracts that are missing are waited for: their participants may start later. What no waiting mends is raised.

    Raises:
        DefinitionError: a definition does not fit the contracts that are published, or is wrong in itself.
        Conflict: the store has another graph under the same name and version.
    """
    log = get_logger("saga")
    logged: dict[Definition, str] = {}
    waiting, pause = list(definitions), RETRY_FIRST_SECONDS
    while waiting:
        for definition in list(waiting):
            problem = await _try_register(app, definition, overwrite=overwrite)
            if problem is None:
                waiting.remove(definition)
                log.info("definition registered", definition=str(definition))
            elif logged.get(definition) != problem:
                logged[definition] = problem
                log.warning("definition not registered yet", definition=str(definition), why=problem)
        if waiting:
            await asyncio.sleep(pause)
            pause = min(pause * 2, RETRY_CAP_SECONDS)


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
        yield f"no participant has published a contract for {name} yet{did_you_mean(name, contracts)}"
