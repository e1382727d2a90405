"""`saga doctor`: what is wrong with the server and the processes, each with its remedy."""

from __future__ import annotations

import asyncio
import json as json_text
from collections.abc import AsyncIterator
from typing import Annotated, Final
from urllib.parse import urlsplit

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from saga import registry
from saga.cli.log_setup import log_for_people
from saga.cli.server.bus import topics_known
from saga.cli.store_options import NOWHERE, Where
from saga.errors import SagaError, UsageError
from saga.logs import without_passwords
from saga.loops import run
from saga.ports.bus_doctor import Check, failed, passed
from saga.settings import Settings
from saga_postgres.doctor import examine

NAME_CHARS: Final = 12
TRIAL_SUFFIX: Final = "_doctor"
TRIAL_SECONDS_MAX: Final = 10.0


def doctor(*, json: Annotated[bool, Parameter(name="--json", negative=())] = False, where: Where = NOWHERE) -> int:
    """Examine the whole installation: server, schema, processes, sagas, election and bus; exit 1 if something is red.

    Parameters
    ----------
    json
        For programs.
    """
    settings = where.settings()
    log_for_people(settings)
    store = settings.store.get_secret_value()
    if not is_postgres(store):
        raise UsageError(f"the doctor examines postgresql:// stores, not {urlsplit(store).scheme}://")
    findings = run(_findings(settings, None if json else Console(highlight=False)))
    if json:
        print(json_text.dumps([_document(finding) for finding in findings], ensure_ascii=False))
    return 0 if all(finding.ok for finding in findings) else 1


async def _findings(settings: Settings, console: Console | None) -> list[Check]:
    found = []
    async for finding in _examined(settings):
        found.append(finding)
        if console is not None:
            console.print(_line(finding))
    return found


async def _examined(settings: Settings) -> AsyncIterator[Check]:
    is_readable = True
    async for finding in examine(settings.store.get_secret_value(), settings.namespace):
        is_readable = is_readable and (finding.ok or finding.name not in {"server", "schema"})
        yield finding
    if settings.election is not None:
        yield await _election(settings.election.get_secret_value(), settings.namespace)
    if settings.bus is None:
        return
    doctor = registry.open_doctor(settings.bus.get_secret_value(), settings.namespace)
    if doctor is None:
        return
    try:
        async for finding in doctor.examine(await topics_known(settings) if is_readable else []):
            yield finding
    finally:
        await doctor.close()


async def _election(url: str, namespace: str) -> Check:
    """Win an election of our own there, under another name, and give it up: that asks for all that a supervisor needs."""
    place = without_passwords(url)
    if is_postgres(url):  # its elections are locks, and its server has been examined, or is refused by the supervisor
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
            "election", without_passwords(detail), "start it, or correct the URL (hosts, user, password) and its rights"
        )
    return passed("election", f"{place} elects")


def _line(finding: Check) -> Table:
    mark, style = ("ok", "green") if finding.ok else ("bad", "bold red")
    line = Table.grid(padding=(0, 2, 0, 0))
    line.add_column(width=3)
    line.add_column(width=NAME_CHARS)
    line.add_row(Text(mark, style=style), Text(finding.name, style="bold"), Text(finding.detail))
    if finding.remedy:
        line.add_row("", "", Text(f"-> {finding.remedy}", style="yellow"))
    return line


def _document(finding: Check) -> dict[str, object]:
    return {"name": finding.name, "ok": finding.ok, "detail": finding.detail, "remedy": finding.remedy}


def is_postgres(url: str) -> bool:
    return urlsplit(url).scheme in {"postgresql", "postgres"}
