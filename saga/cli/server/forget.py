"""`saga forget`: removes a service that is gone for good."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from saga.cli.exit_codes import DONE
from saga.cli.log_setup import log_for_people
from saga.cli.options import FROM_SETTINGS, Json, StoreOptions
from saga.cli.output import print_json
from saga.cli.store import opened_store
from saga.loops import run
from saga.settings import Settings


def forget(
    service: str,
    /,
    *,
    deactivate: Annotated[bool, Parameter(negative=())] = False,
    json: Json = False,
    store: StoreOptions = FROM_SETTINGS,
) -> int:
    """Remove the contracts of a service that is gone for good: `saga doctor` and `saga bus ensure` no longer ask for it.

    Refused while a process serves it or an unfinished saga has a step of it. Its topic on the bus stays: delete it there. A process
    that serves it again publishes its contracts again.

    Parameters
    ----------
    service
        The service.
    deactivate
        Also deactivate the definitions that have a step of it: nobody starts these by name any more.
    """
    settings = store.settings()
    log_for_people(settings)
    deactivated = run(_forget(settings, service, deactivate=deactivate))
    if json:
        print_json({"service": service, "deactivated": deactivated})
    else:
        print("\n".join([f"forgot {service}", *(f"deactivated {name}" for name in deactivated)]))
    return DONE


async def _forget(settings: Settings, service: str, *, deactivate: bool) -> list[str]:
    async with opened_store(settings) as adapter:
        return await adapter.directory.forget(service, deactivate=deactivate)
