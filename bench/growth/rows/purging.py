"""A purge beside the work: the sagas a second that remain while finished sagas are purged."""

from __future__ import annotations

import psycopg

from bench.environment.client import Tally, Window
from bench.environment.fleet import Fleet
from bench.environment.own_process import Child
from bench.environment.saga_copies import Db, copy_finished
from bench.growth.row import Bound, Growth
from bench.growth.rows.unfinished import FINISHED_AGE_SECONDS, RETENTION, one_that_ends, wait_until_leading
from bench.instruments.number import number
from bench.measurement import Figures, Setup
from bench.measurements.throughput import five_services
from saga import loops

GROWTH = Growth(
    "a purge beside the work",
    grows="to be purged",
    points=(100_000,),
    bounds=(Bound("share_of_throughput", 100_000, of=None, least=0.95),),
)

IN_FLIGHT = 64
WARM_SECONDS = 2.0
TURNS = ("rest", "purge", "purge", "rest")
OLD = "select count(*) from saga.saga where ended_at < now() - interval '30 s'"


def measure(setup: Setup, point: int) -> Figures:
    """Returns `share_of_throughput`: sagas a second with 64 in flight while a leader purges, divided by those while one only leads.

    `purged_per_second` is of the windows with a purge, `sagas_per_second` of those without one.
    """
    with (
        five_services(setup) as (services, client),
        psycopg.connect(setup.url, autocommit=True) as connection,
    ):
        copy_finished(connection, loops.run(one_that_ends(setup.url)), point, age=FINISHED_AGE_SECONDS)
        connection.execute("vacuum analyze")
        connection.execute("checkpoint")
        client.ask(Window(IN_FLIGHT, WARM_SECONDS))
        found = [(turn, *_turn(setup, turn, services, client, connection)) for turn in TURNS]
    rates = {turn: sum(tally.sagas / tally.seconds for name, tally, _ in found if name == turn) for turn in TURNS}
    purge = [(tally, purged) for name, tally, purged in found if name == "purge"]
    return {
        "share_of_throughput": rates["purge"] / rates["rest"],
        "sagas_per_second": rates["rest"] / 2,
        "purged_per_second": sum(purged for _, purged in purge) / sum(tally.seconds for tally, _ in purge),
    }


def _turn(setup: Setup, turn: str, services: Fleet, client: Child, connection: Db) -> tuple[Tally, int]:
    """Runs a window beside a leader, which purges or finds everything too young. Returns the number of sagas that it has purged too."""
    leader = services.start(setup.url, "supervisor", environment=RETENTION if turn == "purge" else None)
    wait_until_leading(connection)
    before = number(connection, OLD)
    tally: Tally = client.ask(Window(IN_FLIGHT, setup.seconds))
    purged = before - number(connection, OLD)
    leader.terminate()
    leader.wait()
    return tally, purged
