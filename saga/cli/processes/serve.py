"""`saga participant` and `saga supervisor`: processes that serve until they are told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Final

import structlog
from cyclopts import Parameter

from saga.app import App, connect
from saga.authoring import Definition
from saga.cli.loading import Loaded, load_targets
from saga.cli.log_setup import log_for_services, until_told
from saga.cli.store_options import NOWHERE, Where
from saga.errors import DefinitionError, Unavailable
from saga.loops import run, settle
from saga.settings import Settings

REGISTER_FIRST_SECONDS: Final = 0.1
REGISTER_CAP_SECONDS: Final = 5.0


def participant(*targets: Annotated[str, Parameter(required=True, negative=())], where: Where = NOWHERE) -> None:
    """Serve participants until SIGTERM: `saga participant shop:inventory`.

    A module alone stands for all participants in it. Definitions that are found in the modules are registered as soon as the contracts of
    their steps are there.

    Parameters
    ----------
    targets
        module:name, module, or a file.py with or without :name.
    """
    settings = where.settings()
    log_for_services(settings)
    loaded = load_targets(targets)
    run(until_told(_serve(settings, loaded)))


def supervisor(*, where: Where = NOWHERE) -> None:
    """Look after what did not happen: deadlines, lost messages, services without a live process. Any number may run; one leads."""
    settings = where.settings()
    log_for_services(settings)
    run(until_told(_supervise(settings)))


async def _serve(settings: Settings, loaded: Loaded) -> None:
    async with connect(settings=settings) as app, app.endpoint(), app.serve(*loaded.participants):
        settle()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(register(app, loaded.definitions, overwrite=False))
            tasks.create_task(app.process.broken())


async def _supervise(settings: Settings) -> None:
    async with connect(settings=settings) as app:
        supervisor = app.supervisor()
        async with app.endpoint(supervisor):
            settle()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(supervisor.run())
                tasks.create_task(app.process.broken())


async def register(app: App, definitions: Sequence[Definition], *, overwrite: bool) -> None:
    """Return when all of them are registered. Says what a definition waits for, once for each answer.

    Raises:
        Conflict: a name and version stands for another graph already.
    """
    log = structlog.get_logger("saga")
    told: dict[Definition, str] = {}
    waiting, pause = list(definitions), REGISTER_FIRST_SECONDS
    while waiting:
        for definition in list(waiting):
            problem = await _registered(app, definition, overwrite=overwrite)
            if problem is None:
                waiting.remove(definition)
                log.info("definition registered", definition=str(definition))
            elif told.get(definition) != problem:
                told[definition] = problem
                log.warning("definition not registered yet", definition=str(definition), why=problem)
        if waiting:
            await asyncio.sleep(pause)
            pause = min(pause * 2, REGISTER_CAP_SECONDS)


async def _registered(app: App, definition: Definition, *, overwrite: bool) -> str | None:
    """None where it is done, else why not: somebody else's next version may change that."""
    try:
        contracts = await app.process.adapter.directory.contracts()
        missing = [name for name in definition.contract_names if name not in contracts]
        if missing:
            return f"nobody has published {', '.join(missing)} yet"
        await app.register(definition, overwrite=overwrite)
    except (DefinitionError, Unavailable) as error:
        return str(error)
    return None
