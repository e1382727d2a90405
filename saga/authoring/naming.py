"""The names that an author gives: those of handlers, definitions and steps."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from saga.core.check.finding import Code, refused
from saga.core.definition.names import NAME_RULE, is_name

NAMES: Final = f"Names are made of {NAME_RULE}."


def service_and_handler(place: str, contract: str) -> tuple[str, str]:
    """Splits the name of a contract. Raises DefinitionError: it is not one."""
    service, dot, handler = contract.partition(".")
    if not (dot and is_name(service) and is_name(handler)):
        reason = f"{contract!r} does not name a handler of a service."
        raise refused(Code.NAME_INVALID, place, reason, f"Write service.handler, as in inventory.reserve. {NAMES}")
    return service, handler


def new_step_name(place: str, name: str, taken: Collection[str]) -> str:
    """Returns the name of a new step. Raises DefinitionError: it cannot be one, or is taken."""
    if not is_name(name):
        raise refused(Code.NAME_INVALID, place, f"{name!r} cannot name a step.", NAMES)
    if name in taken:
        reason = f"Another step is already called {name}."
        raise refused(Code.NAME_TWICE, f"{place}, step {name}", reason, "Give this one its own name with name=.")
    return name
