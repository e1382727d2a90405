"""postgresql:// URLs as people write them, and one database behind several of them."""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from saga.cli.processes.service_databases import create_databases
from saga.errors import AccessRefused, SagaError, Unavailable, UsageError
from saga.ports.adapter import StoreOptions
from saga.runtime.handlers.participant import Participant
from saga.settings import load
from saga_postgres.adapter import PostgresAdapter
from saga_postgres.connection.url import place_of, with_database
from tests.services.postgres import administer


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql://ann:s3cret@db:5433/shop", "postgres at db:5433/shop"),
        ("postgres://db/shop", "postgres at db:5432/shop"),
        ("postgresql://a:1,b/shop?target_session_attrs=read-write", "postgres at a:1,b:5432/shop"),
        ("postgresql://[::1]:7/shop", "postgres at [::1]:7/shop"),
        ("postgresql://ann:s3cret@/shop?host=/run/pg", "postgres at /run/pg:5432, database shop"),
        ("postgresql://%2Frun%2Fpg/shop", "postgres at /run/pg:5432, database shop"),
        ("postgresql://?host=a,b&port=1,2&dbname=shop", "postgres at a:1,b:2/shop"),
        ("postgresql://db/sh%61p", "postgres at db:5432/shap"),
        ("postgresql://db/shop?user=ann&password=s3cret@1", "postgres at db:5432/shop"),
    ],
)
def test_the_place_of_a_url_is_its_servers_and_its_database(url: str, place: str) -> None:
    assert place_of(url) == place


def test_what_the_url_leaves_open_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGHOST": "db", "PGPORT": "7", "PGDATABASE": "shop"}.items():
        monkeypatch.setenv(name, value)

    assert place_of("postgresql://") == "postgres at db:7/shop"


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("postgresql://ann:s3cret@db:54x/shop", "port must be a number"),
        ("postgresql://ann:s3cret@db:99999/shop", "from 1 to 65535"),
        ("postgresql://ann:s3cret@db:0/shop", "port"),
        ("postgresql://db/shop?port=s3cret", "port"),
        ("postgresql://ann:@s3cret@db/shop", "%40"),
        ("postgresql://ann:x/s3cret@db/shop", "%2F"),
        ("postgresql://ann:12/s3cret@db/shop", "%2F"),
        ("postgresql://ann:12#s3cret@db/shop", "%XX"),
        ("postgresql://ann:12?s3cret@db/shop", "%XX"),
        ("postgresql://ann:12?s3=cret@db/shop", "%40"),
        ("postgresql://ann:12?a=1&s3cret@db/shop", "name=value"),
        ("postgresql://ann:[s3cret@db/shop", "%XX"),
        ("postgresql://db/shop?s3cret", "name=value"),
        ("postgresql://db/shop?sslmode=", "name=value"),
        ("postgresql://a,,b/shop", "host:port"),
        ("postgresql://db/?dbname=shop", "once"),
        ("postgresql://a b/shop", "host:port"),
        ("postgresql+asyncpg://ann:s3cret@db/shop", "write postgresql://"),
    ],
)
def test_a_malformed_url_is_refused_with_the_way_out_and_without_its_password(url: str, word: str) -> None:
    with pytest.raises(UsageError) as refused:
        place_of(url)

    assert word in str(refused.value)
    assert not any(piece in str(refused.value) for piece in ("s3", "3cret", "ann:", "12"))


def test_another_database_of_a_server_keeps_everything_else_of_the_url() -> None:
    assert with_database("postgresql://ann:p@db:7/shop?sslmode=require", "mail") == (
        "postgresql://ann:p@db:7/mail?sslmode=require"
    )
    assert with_database("postgresql:///shop?host=/run/pg", "mail") == "postgresql:///mail?host=/run/pg"


def rewritten(url: str, form: str) -> str:
    parts = urllib.parse.urlsplit(url)
    host, port, name = parts.hostname, parts.port, parts.path[1:]
    login = f"{parts.username}:{parts.password}"
    return form.format(host=host, port=port, name=name, login=login, user=parts.username, password=parts.password)


@pytest.mark.parametrize(
    "form",
    [
        "postgres://{login}@{host}:{port}/{name}",
        "postgresql://{login}@/{name}?host={host}&port={port}",
        "postgresql://{host}:{port}/{name}?user={user}&password={password}",
        "postgresql://{login}@{host}:{port}?dbname={name}",
        "postgresql://{login}@localhost:{port}/{name}",
        "postgresql://{login}@{host}:1,{host}:{port}/{name}?target_session_attrs=read-write",
        "postgresql://{login}@{host}:{port}/{name}?application_name=shop",
    ],
)
async def test_a_database_is_the_same_however_its_url_is_written(adapter: PostgresAdapter, form: str) -> None:
    assert await adapter.is_same_database(rewritten(adapter.pool.url, form))


async def test_another_database_of_the_same_server_is_another(
    adapter: PostgresAdapter, fresh_database: Callable[[], Awaitable[str]]
) -> None:
    other = await fresh_database()
    hidden = rewritten(adapter.pool.url, "postgresql://{login}@{host}:{port}?dbname=") + other.rpartition("/")[2]

    assert not await adapter.is_same_database(other)
    assert not await adapter.is_same_database(hidden)
    assert not await adapter.is_same_database("kafka://localhost")


async def test_a_database_that_cannot_be_asked_is_named(adapter: PostgresAdapter) -> None:
    absent = with_database(adapter.pool.url, "nowhere")

    with pytest.raises(AccessRefused, match=r'postgres at .*/nowhere .*"nowhere" does not exist'):
        await adapter.is_same_database(absent)
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1/shop"):
        await adapter.is_same_database("postgresql://127.0.0.1:1/shop")


@pytest.mark.parametrize("option", ["schema=public", "sslmode=perhaps", "connect_timeout=10"])
async def test_an_option_that_nobody_knows_is_refused(postgres_url: str, option: str) -> None:
    adapter = PostgresAdapter(f"{postgres_url}?{option}", StoreOptions())

    with pytest.raises(SagaError) as refused:
        await adapter.open()

    assert isinstance(refused.value, UsageError)
    assert "cannot be used with the options in the URL" in str(refused.value)
    assert option.partition("=")[0] in str(refused.value)


async def test_a_service_gets_its_database_beside_a_store_that_is_named_by_options(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = rewritten(postgres_url, "postgresql://{login}@?host={host}&port={port}&dbname={name}")
    service = f"stock_{postgres_url[-8:]}"
    monkeypatch.setenv("STOCK_DB", "")

    await create_databases(load(store=url), [Participant(service, database="$STOCK_DB")], tmp_path)

    assert os.environ["STOCK_DB"] == with_database(url, service)
    await administer(postgres_url, f"drop database {service} with (force)")
