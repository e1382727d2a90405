"""The commands, how they are grouped, and where they are: a command's module is imported when the command runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cyclopts import App, Group


@dataclass(frozen=True, slots=True)
class Command:
    """A command. `path`: its module and function. `summary`: the first paragraph of its help. `example`: a call that works."""

    path: str
    summary: str
    example: str

    @property
    def name(self) -> str:
        return self.path.partition(":")[2].replace("_", "-")


_PROCESSES: Final = (
    Command("saga.cli.processes.dev:dev", "Run everything on this machine: `saga dev shop.py`.", "saga dev shop.py"),
    Command(
        "saga.cli.processes.participant:participant",
        "Serve participants until SIGTERM: `saga participant shop:inventory`.",
        "saga participant shop:inventory",
    ),
    Command(
        "saga.cli.processes.supervisor:supervisor",
        "Enforce deadlines, and redrive sagas whose messages were lost or whose services have no live process.",
        "saga supervisor",
    ),
    Command(
        "saga.cli.processes.api:api",
        "Serve the API until SIGTERM: sagas as JSON for programs, at the address of the setting `api`.",
        "saga api",
    ),
)
_SAGAS: Final = (
    Command(
        "saga.cli.sagas.start:start",
        'Start a saga and print its id: `saga start order \'{"sku": "A-1"}\' --key order-1017 --wait`.',
        """saga start order '{"sku": "A-1"}'""",
    ),
    Command(
        "saga.cli.sagas.send:send",
        "Send an event to a saga: `saga send transfer:t-17 review '{\"approved\": true}'`.",
        """saga send transfer:t-17 review '{"approved": true}'""",
    ),
    Command(
        "saga.cli.sagas.complete:complete",
        'Complete an external step whose handler waits for another system: `saga complete TOKEN \'{"charge": "ch_1"}\'`.',
        """saga complete TOKEN '{"charge": "ch_1"}'""",
    ),
    Command("saga.cli.sagas.ls:ls", "List sagas, newest first.", "saga ls --stuck"),
    Command(
        "saga.cli.sagas.show:show",
        "Show one saga: its steps, results, errors and history.",
        "saga show order:order-1017",
    ),
    Command(
        "saga.cli.sagas.why:why",
        "Say in one sentence what a saga waits for: since when, until when, and who can act.",
        "saga why order:order-1017",
    ),
    Command(
        "saga.cli.sagas.register:register",
        "Register definitions from YAML or JSON files, checked against the contracts that the services have published.",
        "saga register order.yaml",
    ),
    Command(
        "saga.cli.sagas.definitions:definitions",
        "List the definitions, show one as a tree or as YAML, activate a version, or print the schema for editors.",
        "saga definitions order",
    ),
    Command(
        "saga.cli.sagas.schedule:schedule",
        "Manage the schedules: sagas that are started at set times.",
        'saga schedule put nightly order --cron "0 2 * * *"',
    ),
    Command(
        "saga.cli.sagas.verify:verify",
        "Check the recorded histories against the rules of the protocol; exit 1 if a rule was broken.",
        "saga verify --since 1d",
    ),
)
_OPERATORS: Final = (
    Command(
        "saga.cli.operators.rollback:rollback",
        "Roll back a saga, or many. Refused once the pivot has passed.",
        "saga rollback order:order-1017 --dry-run",
    ),
    Command(
        "saga.cli.operators.retry:retry",
        "Retry the quarantined steps of a saga, or of many.",
        "saga retry order:order-1017",
    ),
    Command(
        "saga.cli.operators.resolve:resolve",
        "Settle a quarantined step by what you know: its effect happened, did not happen, or was undone by hand.",
        "saga resolve order:order-1017 charge happened",
    ),
    Command(
        "saga.cli.operators.skip:skip",
        "Go on without a quarantined step after the pivot. The step has no effect, and no other step may read its result.",
        "saga skip order:order-1017 confirm",
    ),
    Command(
        "saga.cli.operators.undo_step:undo_step",
        "Undo one step while the saga goes on. No other step has run behind it, and none needs its result.",
        "saga undo-step order:order-1017 charge",
    ),
    Command(
        "saga.cli.operators.abandon:abandon",
        "Give up a saga for good: freeze what can be frozen, and list the effects that remain. This cannot be undone.",
        "saga abandon order:order-1017",
    ),
    Command(
        "saga.cli.operators.pause:pause",
        "Pause a saga, or many: nothing new is dispatched until `saga resume`. Deadlines still apply.",
        "saga pause order:order-1017",
    ),
    Command("saga.cli.operators.resume:resume", "Resume a paused saga, or many.", "saga resume order:order-1017"),
)
_SERVER: Final = (
    Command(
        "saga.cli.server.migrate:migrate",
        "Bring the tables to this version. Run it before you start the new version; processes of the previous version keep working.",
        "saga migrate --role shop",
    ),
    Command(
        "saga.cli.server.doctor:doctor",
        "Check the whole installation: server, schema, processes, sagas, election and bus; exit 1 if a check fails.",
        "saga doctor",
    ),
    Command(
        "saga.cli.server.forget:forget",
        "Remove the contracts of a service that is gone for good: `saga doctor` and `saga bus ensure` no longer ask for it.",
        "saga forget legacy",
    ),
    Command("saga.cli.server.token:token", "Manage the tokens of the API.", "saga token create ann --role operator"),
    Command("saga.cli.server.bus:bus", "Manage the bus that carries commands.", "saga bus ensure orders"),
)
GROUPS: Final[dict[str, tuple[Command, ...]]] = {
    "Processes": _PROCESSES,
    "Sagas": _SAGAS,
    "When a saga needs an operator": _OPERATORS,
    "Server": _SERVER,
}
COMMANDS: Final[dict[str, Command]] = {command.name: command for commands in GROUPS.values() for command in commands}


def build_program(*, is_overview: bool) -> App:
    """Returns the program. The overview lists the commands by their summaries, and so imports none of them.

    Without `is_overview` a command's help is its own docstring.
    """
    program = App(name="saga", help="Sagas across services, without an orchestrator.", version=_version)
    for place, (title, commands) in enumerate(GROUPS.items(), 1):
        group = Group(title, sort_key=place)
        for command in commands:
            summary = command.summary if is_overview else None
            program.command(command.path, name=command.name, group=group, help=summary)
    return program


def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415 (it costs more than all the rest of this module)

    return version("saga-coordination")
