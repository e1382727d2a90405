"""The commands and how they are grouped."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Final

from cyclopts import App, Group

from saga.cli.operators import act as acting
from saga.cli.processes.dev import dev
from saga.cli.processes.serve import participant, supervisor
from saga.cli.sagas import look as looking
from saga.cli.sagas.start import start
from saga.cli.sagas.verify import verify
from saga.cli.server.bus import bus
from saga.cli.server.doctor import doctor
from saga.cli.server.migrate import migrate

_PROCESSES: Final = Group("Processes", sort_key=1)
_SAGAS: Final = Group("Sagas", sort_key=2)
_PEOPLE: Final = Group("When a saga needs a person", sort_key=3)
_SERVER: Final = Group("Server", sort_key=4)

program: Final = App(
    name="saga", help="Sagas across services, without an orchestrator.", version=version("saga-coordination")
)
_COMMANDS: Final[dict[Group, tuple[Callable[..., int | None], ...]]] = {
    _PROCESSES: (dev, participant, supervisor),
    _SAGAS: (start, looking.ls, looking.show, looking.why, looking.definitions, verify),
    _PEOPLE: acting.COMMANDS,
    _SERVER: (migrate, doctor),
}
for _group, _functions in _COMMANDS.items():
    for _function in _functions:
        program.command(_function, group=_group)
bus.group = (_SERVER,)
program.command(bus)
