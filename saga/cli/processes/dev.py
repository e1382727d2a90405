"""`saga dev`: everything on one machine, in one process, on an embedded PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from cyclopts import Parameter

from saga.api.extra import is_installed, load_server
from saga.app import App, connect
from saga.cli.log_setup import log_for_services
from saga.cli.options import DEV_FILE, FROM_SETTINGS, StoreOptions
from saga.cli.processes.registration import register
from saga.cli.processes.service_databases import STORE_VARIABLE, create_databases
from saga.cli.processes.shutdown import run_until_signalled
from saga.cli.processes.targets import Targets, load_targets
from saga.errors import UsageError
from saga.inspection.example_input import example_input
from saga.loops import run, settle
from saga.settings import Settings, load
from saga_postgres.embedded.server import EmbeddedPostgres

STORE_DATABASE: Final = "saga"
DATA: Final = Path(".saga/postgres")


def dev(
    *targets: Annotated[str, Parameter(required=True, negative=())],
    temporary: Annotated[bool, Parameter(negative=())] = False,
    store: StoreOptions = FROM_SETTINGS,
) -> None:
    """Run everything on this machine: `saga dev shop.py`.

    Starts a PostgreSQL of its own (unless a store is configured), creates the tables, serves all participants of the module,
    registers its definitions, and runs a supervisor. Where a participant asks for `database="$SHOP_DB"` and the environment does
    not have it, a database is created; if there is a file SERVICE.sql beside the module, it is run in that database once.

    Parameters
    ----------
    targets
        file.py, module or module:name.
    temporary
        Keep no data; without it, the data is kept in .saga/postgres.
    """
    with _server(store, is_temporary=temporary) as settings:
        log_for_services(settings)
        if is_installed():
            load_server(with_grpc=settings.grpc is not None)
        os.environ[STORE_VARIABLE] = settings.store.get_secret_value()
        loaded = load_targets(targets)
        folder = Path(targets[0].partition(":")[0]).resolve().parent
        with _shared(settings):
            run(run_until_signalled(_develop(settings, loaded, folder), settings.drain))


@contextmanager
def _server(store: StoreOptions, *, is_temporary: bool) -> Iterator[Settings]:
    """The configured store, else an embedded one."""
    if store.store or os.environ.get(STORE_VARIABLE):
        yield store.settings()
        return
    with _embedded(is_temporary=is_temporary) as server:
        url = urlsplit(server.url)._replace(path=f"/{STORE_DATABASE}").geturl()
        yield load(store=url, namespace=store.namespace)


@contextmanager
def _embedded(*, is_temporary: bool) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(None if is_temporary else DATA)
    try:
        try:
            server.start()
        except UsageError as error:  # root in a folder that the server's account cannot reach
            if is_temporary:
                raise
            print(f"saga: {error}; this time the data is temporary", file=sys.stderr)
            server = EmbeddedPostgres()
            server.start()
        yield server
    finally:
        server.close()


@contextmanager
def _shared(settings: Settings) -> Iterator[None]:
    """Lets other commands in this folder find the store, as long as this process runs."""
    DEV_FILE.parent.mkdir(exist_ok=True)
    document = {
        "store": settings.store.get_secret_value(),
        "namespace": settings.namespace,
        "pid": os.getpid(),
    }
    DEV_FILE.touch(mode=0o600)
    DEV_FILE.write_text(json.dumps(document), encoding="utf-8")
    try:
        yield
    finally:
        DEV_FILE.unlink(missing_ok=True)


async def _develop(settings: Settings, targets: Targets, folder: Path) -> None:
    await create_databases(settings, targets.participants, folder)
    async with connect(settings=settings) as app, app.serve(*targets.participants), _api(app) as first_line:
        settle()
        print(first_line, flush=True)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(app.supervisor().run())
            tasks.create_task(app.process.background.broken())
            await register(app, targets.definitions, overwrite=True)
            print(_greeting(settings, targets), flush=True)


@asynccontextmanager
async def _api(app: App) -> AsyncIterator[str]:
    """Serves the API if its libraries are installed. Yields a line that says where."""
    if not is_installed():
        yield "API: not served, it needs pip install 'saga-coordination[api]'"
        return
    from saga.api.server import served  # noqa: PLC0415 (an extra)

    settings = app.settings
    async with served(
        app, settings.api, grpc=settings.grpc, grpc_reflection=settings.grpc_reflection, may_move=True
    ) as link:
        yield f"API: {link}"


def _greeting(settings: Settings, targets: Targets) -> str:
    rows = [f"\n{participant.service:<14} {', '.join(participant.handlers)}" for participant in targets.participants]
    rows.append("\n\nIn another terminal, in this folder:\n")
    for definition in targets.definitions:
        rows.append(
            f"\n  saga start {definition.name} '{json.dumps(example_input(definition.outline().input_schema))}' --wait"
        )
    rows.append("\n  saga ls\n")
    rows.append(f"\nElsewhere: export {STORE_VARIABLE}={settings.store.get_secret_value()}\n")
    return "".join(rows)
