"""Assigns commands to processes, for starts and outcomes alike."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from saga.core.definition.step import Step, Timer, Wait
from saga.core.rules.decision import Command
from saga.ports.values.claim import CommandRef
from saga.ports.values.notification import Notifications
from saga.ports.values.write import Dispatch, Parking
from saga.runtime.identity import ProcessIdentity


class Routes(Protocol):
    """Selects the process of a command. Implemented by `saga.runtime.planning.router.Router`."""

    identity: ProcessIdentity
    queues_commands: bool

    def owner(self, service: str) -> int | None:
        """The live process that gets a command of this service; None: its queue, or the bus."""


def dispatch_to_owner(
    saga: UUID, command: Command, service: str, routes: Routes, notifications: Notifications
) -> Dispatch | None:
    """A command row that belongs to a process from the start, with a claim. None where no process is selected."""
    owner = routes.owner(service)
    if owner is None:
        return None
    if owner != routes.identity.number:
        notifications.claim_refs.setdefault(owner, []).append(CommandRef(saga, command.step))
    claim = routes.identity.next_claim()
    return Dispatch(command.step, command.operation, service, owner, claim, command.after_seconds)


def dispatch_to_queue(command: Command, service: str, notifications: Notifications) -> Dispatch:
    """A command row in the queue of its service."""
    notifications.services.add(service)
    return Dispatch(command.step, command.operation, service, None, None, command.after_seconds)


def parking_of(step: Step, position: int) -> Parking:
    """Returns the parking of an engine step's command. A moment that is stored already stays as it is (G64)."""
    match step:
        case Wait():
            return Parking(position, None if step.wait_ms is None else step.wait_ms / 1000, step.names)
        case Timer():
            return Parking(position, step.pause_ms / 1000)
    raise TypeError(f"{step.name} waits for nothing")
