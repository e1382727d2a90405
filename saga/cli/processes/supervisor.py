"""`saga supervisor`: enforces deadlines and redrives sagas until it is stopped."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Annotated

from cyclopts import Parameter

from saga.api.extra import load_server
from saga.app import connect
from saga.cli.log_setup import log_for_services
from saga.cli.options import FROM_SETTINGS, StoreOptions
from saga.cli.processes.shutdown import run_until_signalled
from saga.loops import run, settle
from saga.settings import Settings


def supervisor(*, api: Annotated[bool, Parameter(negative=())] = False, store: StoreOptions = FROM_SETTINGS) -> None:
    """Enforce deadlines, and redrive sagas whose messages were lost or whose services have no live process.

    Any number of supervisors may run; one leads.

    Parameters
    ----------
    api
        Serve the API as well, as `saga api` does.
    """
    settings = store.settings()
    log_for_services(settings)
    if api:
        load_server(with_grpc=settings.grpc is not None)
    run(run_until_signalled(_supervise(settings, with_api=api), settings.drain))


async def _supervise(settings: Settings, *, with_api: bool) -> None:
    async with connect(settings=settings) as app:
        supervisor = app.supervisor()
        async with app.endpoint(supervisor), AsyncExitStack() as stack:
            if with_api:
                from saga.api.server import served  # noqa: PLC0415 (an extra)

                await stack.enter_async_context(
                    served(
                        app,
                        settings.api,
                        grpc=settings.grpc,
                        grpc_reflection=settings.grpc_reflection,
                        supervisor=None if settings.http else supervisor,
                    )
                )
            settle()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(supervisor.run())
                tasks.create_task(app.process.background.broken())
