"""`saga bus ensure`: creates the topics that a bus does not create by itself."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from cyclopts import App

from saga import registry
from saga.cli.exit_codes import DONE
from saga.cli.log_setup import log_for_people
from saga.cli.options import FROM_SETTINGS, Json, StoreOptions
from saga.cli.output import print_json
from saga.cli.store import opened_store
from saga.errors import UsageError
from saga.loops import run
from saga.ports.bus import topic_of
from saga.settings import Settings

bus: Final = App(name="bus", help="Manage the bus that carries commands.")


@bus.command
def ensure(*services: str, json: Json = False, store: StoreOptions = FROM_SETTINGS) -> int:
    """Create the topics that are missing, with the settings in the URL of the bus. Existing topics are not changed: see `saga doctor`.

    Parameters
    ----------
    services
        Services whose topics are created; the default is every service that has published a contract.
    """
    settings = store.settings()
    log_for_people(settings)
    created = run(_ensure(settings, services))
    if json:
        print_json({"created": created})
    else:
        print("\n".join(f"created {name}" for name in created) or "no topic was missing")
    return DONE


async def _ensure(settings: Settings, services: tuple[str, ...]) -> list[str]:
    if settings.bus is None:
        raise UsageError(
            "no bus is configured, so commands travel through the store: set SAGA_BUS, or `bus:` in saga.yaml"
        )
    doctor = registry.open_doctor(settings.bus.get_secret_value(), settings.namespace)
    if doctor is None:
        return []
    try:
        topics = [topic_of(settings.namespace, service) for service in services] or await topics_known(settings)
        if not topics:
            scheme = urlsplit(settings.bus.get_secret_value()).scheme
            raise UsageError(
                f"no service has published a contract yet: name the services, for example saga bus ensure orders ({scheme}://)"
            )
        return await doctor.create(topics)
    finally:
        await doctor.close()


async def topics_known(settings: Settings) -> list[str]:
    """The topics of all services that have published a contract."""
    async with opened_store(settings) as adapter:
        contracts = await adapter.directory.contracts()
    return [topic_of(settings.namespace, service) for service in sorted({name.split(".")[0] for name in contracts})]
