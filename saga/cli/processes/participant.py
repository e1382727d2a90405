"""`saga participant`: serves participants until it is stopped."""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import Parameter

from saga.app import connect
from saga.cli.log_setup import log_for_services
from saga.cli.options import FROM_SETTINGS, StoreOptions
from saga.cli.processes.registration import register
from saga.cli.processes.shutdown import run_until_signalled
from saga.cli.processes.targets import Targets, load_targets
from saga.loops import run, settle
from saga.settings import Settings


def participant(
    *targets: Annotated[str, Parameter(required=True, negative=())], store: StoreOptions = FROM_SETTINGS
) -> None:
    """Serve participants until SIGTERM: `saga participant shop:inventory`.

    A module alone stands for all participants in it. The definitions in the modules are registered as soon as the contracts of
    their steps have been published.

    Parameters
    ----------
    targets
        module:name, module, or file.py with or without :name.
    """
    settings = store.settings()
    log_for_services(settings)
    loaded = load_targets(targets)
    run(run_until_signalled(_serve(settings, loaded), settings.drain))


async def _serve(settings: Settings, targets: Targets) -> None:
    async with connect(settings=settings) as app, app.endpoint(), app.serve(*targets.participants):
        settle()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(register(app, targets.definitions, overwrite=False))
            tasks.create_task(app.process.background.broken())
