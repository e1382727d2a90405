"""`saga doctor`: checks the installation, and says how to repair what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from saga import registry
from saga.cli.exit_codes import DONE, FAILED
from saga.cli.log_setup import log_for_people
from saga.cli.options import FROM_SETTINGS, Json, StoreOptions
from saga.cli.output import print_json
from saga.cli.postgres import check_postgres
from saga.cli.server.bus import topics_known
from saga.errors import SagaError
from saga.loops import run
from saga.ports.bus_doctor import Check, failed, passed
from saga.ports.url.passwords import without_passwords
from saga.settings import Settings
from saga_postgres.connection.url import is_postgres
from saga_postgres.doctor import examine

NAME_CHARS: Final = 12
TRIAL_SUFFIX: Final = "_doctor"
TRIAL_SECONDS_MAX: Final = 10.0


def doctor(*, json: Json = False, store: StoreOptions = FROM_SETTINGS) -> int:
    """Check the whole installation: server, schema, processes, sagas, election and bus; exit 1 if a check fails."""
    settings = store.settings()
    log_for_people(settings)
    url = settings.store.get_secret_value()
    check_postgres(url, "the doctor examines postgresql:// stores")
    checks = run(_checks(settings, None if json else Console(highlight=False)))
    if json:
        print_json([_document(check) for check in checks])
    return DONE if all(check.ok for check in checks) else FAILED


async def _checks(settings: Settings, console: Console | None) -> list[Check]:
    """Runs the checks, and prints each one as it ends."""
    checks = []
    async for check in _examined(settings):
        checks.append(check)
        if console is not None:
            console.print(_line(check))
    return checks


async def _examined(settings: Settings) -> AsyncIterator[Check]:
    is_readable = True
    async for check in examine(settings.store.get_secret_value(), settings.namespace):
        is_readable = is_readable and (check.ok or check.name not in {"server", "schema"})
        yield check
    if settings.election is not None:
        yield await _election(settings.election.get_secret_value(), settings.namespace)
    if settings.bus is None:
        return
    doctor = registry.open_doctor(settings.bus.get_secret_value(), settings.namespace)
    if doctor is None:
        return
    try:
        async for check in doctor.examine(await topics_known(settings) if is_readable else []):
            yield check
    finally:
        await doctor.close()


async def _election(url: str, namespace: str) -> Check:
    """Wins a trial election under another name and resigns: that needs every right that a supervisor needs."""
    place = without_passwords(url)
    if is_postgres(url):  # its elections are locks; the server has been checked, or the supervisor refuses it
        return passed("election", f"by locks of {place}")
    try:
        election = registry.open_election(url, f"{namespace}{TRIAL_SUFFIX}")
        try:
            async with asyncio.timeout(TRIAL_SECONDS_MAX):
                await election.resign(await election.campaign("saga doctor"))
        finally:
            await election.close()
    except (SagaError, TimeoutError) as error:
        detail = str(error) or f"{place}: no answer in {TRIAL_SECONDS_MAX:.0f} s"
        return failed(
            "election",
            without_passwords(detail),
            "start it, or correct the hosts, user or password in the URL, or the rights of the user",
        )
    return passed("election", f"{place} elects")


def _line(check: Check) -> Table:
    mark, style = ("ok", "green") if check.ok else ("bad", "bold red")
    line = Table.grid(padding=(0, 2, 0, 0))
    line.add_column(width=3)
    line.add_column(width=NAME_CHARS)
    line.add_row(Text(mark, style=style), Text(check.name, style="bold"), Text(check.detail))
    if check.remedy:
        line.add_row("", "", Text(f"-> {check.remedy}", style="yellow"))
    return line


def _document(check: Check) -> dict[str, object]:
    return {"name": check.name, "ok": check.ok, "detail": check.detail, "remedy": check.remedy}
