"""The live processes and the leader, in memory."""

from __future__ import annotations

from saga.memory.data.database import Database
from saga.memory.reading.saga_detail import leader_of
from saga.ports.values.fleet import Fleet, LeaderLine, ProcessLine


def fleet_of(database: Database) -> Fleet:
    epoch, leader = database.epoch, database.leader
    processes = [
        ProcessLine(
            member.id,
            member.name,
            tuple(sorted(member.services)),
            member.capacity,
            member.in_flight,
            epoch + member.seen_at,
        )
        for member in database.members.values()
        if member.is_alive
    ]
    processes.sort(key=lambda line: (line.name, line.number))
    is_alive = leader_of(database) is not None
    line = None if leader is None else LeaderLine(leader.name, leader.term, epoch + leader.seen_at, is_alive)
    return Fleet(processes, line, epoch + database.now())
