"""Four replicas of a service whose steps use the processor, and of one whose steps wait: how they share the work."""

from __future__ import annotations

import psycopg

from bench.growth.replicas import installation
from bench.growth.row import Bound, Growth
from bench.instruments.number import number
from bench.measurement import Figures, Setup
from bench.shop import dear

IN_FLIGHT = 64
REPLICAS = 4
MODULE = dear.__name__
PARTICIPANTS = REPLICAS * len(dear.SERVICES)

GROWTH = Growth(
    "dear steps",
    grows="participants",
    points=(PARTICIPANTS,),
    bounds=(
        Bound("sagas_per_second", PARTICIPANTS, of="old", least=0.95),
        Bound("percent_of_pricing_in_one_replica", PARTICIPANTS, of=None, most=50),
    ),
)
"""Steps that only wait need no processor: they fill half the capacity of a replica before the next one gets any."""
STEPS_OF_BUSIEST = """
select coalesce(100 * max(steps) / sum(steps), 100) from (
    select count(*) as steps from saga.event e join saga.participant p on p.id = e.process
    where e.kind = 'succeeded' and p.services = array['{service}'] group by e.process
) as each
"""


def measure(setup: Setup, point: int) -> Figures:
    """Returns `sagas_per_second`, and for each service the percentage of its steps that its busiest replica ran."""
    with (
        installation(setup, point, MODULE, dear.served_elsewhere, services=dear.SERVICES) as running,
        psycopg.connect(setup.url, autocommit=True) as connection,
    ):
        window = running.window(IN_FLIGHT, setup.seconds)
        shares = {
            f"percent_of_{service}_in_one_replica": number(connection, STEPS_OF_BUSIEST.format(service=service))
            for service in dear.SERVICES
        }
        return {"sagas_per_second": window["sagas_per_second"], **shares}
