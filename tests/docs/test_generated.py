"""Generated pages agree with the code. SAGA_REWRITE=1 writes them again."""

from __future__ import annotations

import json
import os

import asyncpg

from saga_postgres.schema.migrate import migrate
from tests.docs.page import ROOT, page
from tests.docs.reference.api import OPENAPI, api, openapi
from tests.docs.reference.breaking import breaking
from tests.docs.reference.commands import commands
from tests.docs.reference.errors import error_classes
from tests.docs.reference.leadership import leadership
from tests.docs.reference.limits import limits
from tests.docs.reference.markdown import with_regions
from tests.docs.reference.metrics import metrics
from tests.docs.reference.settings import settings
from tests.docs.reference.states import state_regions
from tests.docs.reference.tables import tables


def compare(name: str, generated: str) -> None:
    """Compares the page with the generated text, or writes it."""
    path = ROOT / name
    if os.environ.get("SAGA_REWRITE") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(generated, encoding="utf-8")

    assert path.read_text(encoding="utf-8") == generated, f"{name} is out of date: run SAGA_REWRITE=1 pytest tests/docs"


def test_the_page_of_settings_agrees_with_the_settings() -> None:
    compare("docs/reference/settings.md", settings())


def test_the_page_of_leadership_agrees_with_the_port() -> None:
    compare("docs/concepts/leadership.md", leadership())


def test_the_page_of_commands_agrees_with_their_help() -> None:
    compare("docs/reference/cli.md", commands())


def test_the_page_of_errors_agrees_with_the_errors() -> None:
    compare("docs/reference/errors.md", error_classes())


def test_the_page_of_limits_agrees_with_the_constants() -> None:
    compare("docs/reference/limits.md", limits())


def test_the_page_of_states_agrees_with_the_tables() -> None:
    states = page("docs/concepts/states.md")

    compare(states.name, with_regions(states.text, state_regions()))


def test_the_page_of_the_api_and_its_description_agree_with_the_routes() -> None:
    if (ROOT / OPENAPI).exists():
        before = json.loads((ROOT / OPENAPI).read_text(encoding="utf-8"))
        assert list(breaking(before, json.loads(openapi()))) == [], "a released API only grows"

    compare(OPENAPI, openapi())
    compare("docs/reference/api.md", api())


def test_the_page_of_metrics_agrees_with_the_catalogue() -> None:
    compare("docs/reference/metrics.md", metrics())


async def test_the_page_of_tables_agrees_with_a_migrated_database(postgres: asyncpg.Connection) -> None:
    await migrate(postgres, schema="saga")

    compare("docs/reference/tables.md", await tables(postgres, "saga"))


async def test_every_table_view_and_function_has_a_comment(postgres: asyncpg.Connection) -> None:
    await migrate(postgres, schema="saga")

    silent = await postgres.fetch(
        "select relname from pg_class c where relnamespace = 'saga'::regnamespace and relkind in ('r', 'p', 'v') "
        "and not relispartition and obj_description(oid, 'pg_class') is null"
    )

    assert [row["relname"] for row in silent] in ([], ["schema_migration"])
