"""`saga bus ensure`: the topics of a bus, made on purpose."""

from __future__ import annotations

import json as json_text
from typing import Annotated, Final
from urllib.parse import urlsplit

from cyclopts import App, Parameter

from saga import registry
from saga.app import open_adapter
from saga.cli.log_setup import log_for_people
from saga.cli.store_options import NOWHERE, Where
from saga.errors import UsageError
from saga.loops import run
from saga.ports.bus import topic_of
from saga.settings import Settings

bus: Final = App(name="bus", help="The bus that commands travel on.")


@bus.command
def ensure(
    *services: str, json: Annotated[bool, Parameter(name="--json", negative=())] = False, where: Where = NOWHERE
) -> int:
    """Create the topics that are missing, with the settings of the bus's URL. What exists stays as it is: see `saga doctor`.

    Parameters
    ----------
    services
        Whose topics; none: of every service that has published a contract.
    json
        For programs.
    """
    settings = where.settings()
    log_for_people(settings)
    created = run(_ensured(settings, services))
    if json:
        print(json_text.dumps({"created": created}))
    else:
        print("\n".join(f"created {name}" for name in created) or "nothing was missing")
    return 0


async def _ensured(settings: Settings, services: tuple[str, ...]) -> list[str]:
    if settings.bus is None:
        raise UsageError("no bus: commands travel through the store. Say SAGA_BUS=... or `bus:` in saga.yaml")
    doctor = registry.open_doctor(settings.bus.get_secret_value(), settings.namespace)
    if doctor is None:
        return []
    try:
        topics = [topic_of(settings.namespace, service) for service in services] or await topics_known(settings)
        if not topics:
            scheme = urlsplit(settings.bus.get_secret_value()).scheme
            raise UsageError(
                f"no service has published a contract yet: name the services, e.g. saga bus ensure orders ({scheme}://)"
            )
        return await doctor.create(topics)
    finally:
        await doctor.close()


async def topics_known(settings: Settings) -> list[str]:
    """The topics of all services that have published a contract."""
    adapter = open_adapter(settings, "saga bus")
    await adapter.open()
    try:
        contracts = await adapter.directory.contracts()
    finally:
        await adapter.close()
    return [topic_of(settings.namespace, service) for service in sorted({name.split(".")[0] for name in contracts})]
