"""`saga api`: serves the API until it is stopped."""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import Parameter

from saga.api.extra import load_server
from saga.app import connect
from saga.cli.log_setup import log_for_services
from saga.cli.options import FROM_SETTINGS, StoreOptions
from saga.cli.processes.shutdown import run_until_signalled
from saga.loops import run, settle
from saga.settings import Settings


def api(
    *,
    grpc: str | None = None,
    grpc_reflection: Annotated[bool | None, Parameter(negative=())] = None,
    store: StoreOptions = FROM_SETTINGS,
) -> None:
    """Serve the API until SIGTERM: sagas as JSON for programs, at the address of the setting `api`.

    Any number of processes may serve it, and no saga needs one. Without tokens it answers this machine only.

    Parameters
    ----------
    grpc
        Serve the gRPC API as well, at this host:port.
    grpc_reflection
        Describe the gRPC API to clients that have no protos, such as grpcurl.
    """
    settings = store.settings(grpc=grpc, grpc_reflection=grpc_reflection)
    log_for_services(settings)
    load_server(with_grpc=settings.grpc is not None)
    run(run_until_signalled(_serve(settings), settings.drain))


async def _serve(settings: Settings) -> None:
    from saga.api.server import served  # noqa: PLC0415 (an extra)

    async with (
        connect(settings=settings, name=None) as app,
        app.endpoint(),
        served(app, settings.api, grpc=settings.grpc, grpc_reflection=settings.grpc_reflection) as link,
    ):
        settle()
        print(f"API: {link}", flush=True)
        if settings.grpc is not None:
            print(f"gRPC: {settings.grpc}", flush=True)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(app.process.background.broken())
