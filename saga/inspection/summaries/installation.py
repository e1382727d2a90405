"""An installation as JSON: processes, leader, services, and what is wrong with them. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from saga.core.definition.contract import Contract
from saga.inspection.documents import Document
from saga.inspection.instants import Instant, instant
from saga.ports.access.tokens import TokenLine
from saga.ports.listing import DefinitionLine, Survey
from saga.ports.values.fleet import Fleet, LeaderLine, ProcessLine


def process_document(process: ProcessLine) -> Document:
    return {
        "number": process.number,
        "name": process.name,
        "services": list(process.services),
        "capacity": process.capacity,
        "in_flight": process.in_flight,
        "seen_at": Instant(process.seen_at),
    }


def leader_document(leader: LeaderLine | None) -> Document:
    if leader is None:
        return {"name": None, "term": None, "seen_at": None, "alive": False}
    return {"name": leader.name, "term": leader.term, "seen_at": Instant(leader.seen_at), "alive": leader.is_alive}


def services_document(
    contracts: Mapping[str, Contract], fleet: Fleet, survey: Survey, definitions: Collection[DefinitionLine]
) -> list[Document]:
    """Every service that has a contract, a process, or a step of a definition."""
    names = {name.partition(".")[0] for name in contracts}
    names |= {service for process in fleet.processes for service in process.services}
    names |= {service for definition in definitions for service in definition.services}
    return [_service(name, contracts, fleet, survey, definitions) for name in sorted(names)]


def _service(
    name: str, contracts: Mapping[str, Contract], fleet: Fleet, survey: Survey, definitions: Collection[DefinitionLine]
) -> Document:
    serving = [process for process in fleet.processes if name in process.services]
    queue = survey.queues.get(name)
    return {
        "name": name,
        "handlers": [
            _contract(key, contract) for key, contract in sorted(contracts.items()) if key.startswith(f"{name}.")
        ],
        "processes": [process.name for process in serving],
        "capacity": sum(process.capacity for process in serving),
        "in_flight": sum(process.in_flight for process in serving),
        "queued": 0 if queue is None else queue.commands,
        "oldest_wait_seconds": None if queue is None else round(queue.oldest_seconds, 3),
        "definitions": [f"{one.name} v{one.version}" for one in definitions if name in one.services],
        "live_sagas": sum(one.live for one in definitions if name in one.services),
    }


def _contract(name: str, contract: Contract) -> Document:
    return {
        "handler": name.partition(".")[2],
        "mode": contract.mode.name.lower(),
        "compensation": contract.has_compensation,
        "probe": contract.has_probe,
    }


def token_document(token: TokenLine) -> Document:
    """A token without its hash."""
    return {
        "id": token.id,
        "name": token.name,
        "role": token.role,
        "created_at": Instant(token.created_at),
        "created_by": token.created_by,
        "expires_at": instant(token.expires_at),
        "revoked_at": instant(token.revoked_at),
        "used_at": instant(token.used_at),
    }


def checks_document(fleet: Fleet, survey: Survey, services: list[Document]) -> list[Document]:
    """Lists what is wrong with an installation as a whole, and how to repair it: see also `saga doctor`, which examines the servers."""
    silent = [service["name"] for service in services if service["live_sagas"] and not service["processes"]]
    stuck, late = sum(survey.stuck.values()), survey.deadline_overdue_seconds
    has_leader = fleet.leader is not None and fleet.leader.is_alive
    return [
        _check("leader", None if has_leader else "no supervisor leads", "saga supervisor"),
        _check(
            "services",
            f"no process serves {', '.join(silent)}, which live sagas need" if silent else None,
            f"saga participant MODULE:{silent[0]}" if silent else "",
        ),
        _check("stuck", f"{stuck} sagas wait for an operator" if stuck else None, "saga ls is:stuck"),
        _check(
            "deadlines",
            f"a deadline passed {late:.0f} s ago and is not enforced" if late > 0 else None,
            "saga supervisor",
        ),
    ]


def _check(name: str, trouble: str | None, remedy: str) -> Document:
    return {"name": name, "ok": trouble is None, "detail": trouble or "fine", "remedy": remedy if trouble else None}
