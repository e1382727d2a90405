"""A DBOS workflow of five transactions, each with one insert of its own.

`@DBOS.transaction` was removed in DBOS 3.0 together with the application database. Its successor
is `SQLAlchemyDatasource.transaction`, which commits the user's statements and the step's outcome
together. Two things are set in its favour: READ COMMITTED instead of its default SERIALIZABLE,
and the user's table lives in the same database, so that one server does one kind of commit.
"""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import sqlalchemy as sa
from dbos import DBOS, SQLAlchemyDatasource

from bench.instruments.number import number
from bench.peers import dbos_app
from bench.peers.trial import Trial

STEPS = 5
NAMES = ("reserve", "charge", "label", "ship", "notify")

EFFECT = "create table effect (id bigint generated always as identity primary key, step text not null)"
INSERT = sa.text("insert into effect (step) values (:step)")
# A transaction records its outcome twice: here with its insert, and then as a step. DBOS empties
# this table when the workflow ends.
LEFT = "select count(*) from dbos.datasource_outputs"


def prepare(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(EFFECT.encode())


def launch(url: str, member: int, threads: int) -> Callable[[], object]:
    dbos_app.configure(url, member, threads)
    engine = {"pool_size": threads, "pool_pre_ping": False, "pool_use_lifo": True}
    source = SQLAlchemyDatasource.create(url, engine_kwargs=engine)
    steps = [_step(source, name) for name in NAMES]

    @DBOS.workflow()
    def order() -> None:
        for step in steps:
            step()

    DBOS.launch()
    return order


def close() -> None:
    DBOS.destroy()


def verify(url: str, sagas: int) -> int:
    with psycopg.connect(url) as connection:
        effects = number(connection, "select count(*) from effect")
        left = number(connection, LEFT)
    if effects != sagas * STEPS or left:
        raise dbos_app.NotRecorded(f"{sagas} sagas left {effects} effects, {left} open records")
    return dbos_app.verify(url, sagas=sagas, steps=STEPS)


def _step(source: SQLAlchemyDatasource, name: str) -> Callable[[], None]:
    @source.transaction(name=name, isolation_level="READ COMMITTED")
    def step() -> None:
        source.sql_session().execute(INSERT, {"step": name})

    return step


TRIAL = Trial(__name__, STEPS, prepare, verify)
