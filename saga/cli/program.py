"""The commands and how they are grouped."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from cyclopts import App, Group

from saga.cli.migrating import migrate
from saga.cli.serving import participant, supervisor

_PROCESSES: Final = Group("Processes", sort_key=1)
_SERVER: Final = Group("Server", sort_key=4)

program: Final = App(
    name="saga", help="Sagas across services, without an orchestrator.", version=version("saga-coordination")
)
program.command(participant, group=_PROCESSES)
program.command(supervisor, group=_PROCESSES)
program.command(migrate, group=_SERVER)
