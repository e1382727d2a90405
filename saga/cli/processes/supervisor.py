"""`saga supervisor`: enforces deadlines and redrives sagas until it is stopped."""

from __future__ import annotations

import asyncio

from saga.app import connect
from saga.cli.log_setup import log_for_services
from saga.cli.options import FROM_SETTINGS, StoreOptions
from saga.cli.processes.shutdown import run_until_signalled
from saga.loops import run, settle
from saga.settings import Settings


def supervisor(*, store: StoreOptions = FROM_SETTINGS) -> None:
    """Enforce deadlines, and redrive sagas whose messages were lost or whose services have no live process.

    Any number of supervisors may run; one leads.
    """
    settings = store.settings()
    log_for_services(settings)
    run(run_until_signalled(_supervise(settings), settings.drain))


async def _supervise(settings: Settings) -> None:
    async with connect(settings=settings) as app:
        supervisor = app.supervisor()
        async with app.endpoint(supervisor):
            settle()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(supervisor.run())
                tasks.create_task(app.process.background.broken())
