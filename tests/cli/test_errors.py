"""Every mistake gets one clear sentence that names the place and the way out, an exit code, and no traceback."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import pytest

from saga.core.ids import uuid7
from tests.cli.conftest import AsyncCommand, Command, Ran
from tests.cli.counter import Counter
from tests.services.postgres import with_database

SECRET = "very-secret"  # noqa: S105 (not a real one)
NOBODY = uuid7(0, bytes(10))


def assert_refused(ran: Ran, code: int, *words: str) -> None:
    """One line on stderr, nothing on stdout, and the words in it."""
    assert ran.err.startswith("saga: ")
    assert ran.err.count("\n") == 1, ran.err
    assert ran.out == ""
    assert ran.code == code
    for word in words:
        assert word in ran.err


def with_login(url: str, login: str) -> str:
    return f"postgresql://{login}@{url.rpartition('@')[2]}"


def test_no_store_is_a_usage_error_that_names_the_settings(command: Command) -> None:
    assert_refused(command("ls"), 2, "no store", "SAGA_STORE", "saga.yaml")


def test_an_unknown_scheme_lists_those_that_are_installed(command: Command) -> None:
    assert_refused(command("ls", "--store", "mysql://host/shop"), 2, "mysql://", "memory://", "postgresql://")


def test_a_url_that_cannot_be_read_shows_nothing_of_its_password(command: Command) -> None:
    ran = command("ls", "--store", f"postgresql://ann:{SECRET}/x@host/shop")

    assert_refused(ran, 2, "store", "%2F")
    assert SECRET not in ran.err


def test_an_unreachable_server_is_named_without_the_password(command: Command) -> None:
    ran = command("ls", "--store", f"postgresql://ann:{SECRET}@127.0.0.1:1/shop")

    assert_refused(ran, 1, "127.0.0.1:1/shop", "cannot be reached")
    assert SECRET not in ran.err


def test_a_wrong_password_says_that_the_server_answers(command: Command, postgres_url: str) -> None:
    ran = command("ls", "--store", with_login(postgres_url, f"saga:{SECRET}"))

    assert_refused(ran, 2, "password")
    assert SECRET not in ran.err


def test_a_database_that_is_missing_is_named(command: Command, postgres_url: str) -> None:
    assert_refused(command("ls", "--store", with_database(postgres_url, "nowhere")), 2, "nowhere")


def test_a_database_without_tables_asks_for_the_migrations(command: Command, postgres_url: str) -> None:
    assert_refused(command("ls", "--store", postgres_url), 2, "has no Saga tables", "saga migrate")


def test_a_store_of_an_older_version_asks_for_the_migrations(command: Command, older_store: str) -> None:
    assert_refused(command("ls", "--store", older_store), 2, "this build needs", "saga migrate")


def test_a_store_of_a_newer_version_asks_for_a_newer_saga(command: Command, newer_store: str) -> None:
    assert_refused(command("ls", "--store", newer_store), 2, "it needs a newer version of Saga")


def test_a_pooler_in_transaction_mode_is_refused(command: Command, pgbouncer_url: str) -> None:
    assert_refused(command("ls", "--store", pgbouncer_url), 2, "transaction mode")


@pytest.mark.parametrize("action", ["show", "why", "rollback", "retry", "pause", "resume"])
def test_an_unknown_saga_is_named(command: Command, store: str, action: str) -> None:
    assert_refused(command(action, str(NOBODY), "--store", store), 1, f"has no saga {NOBODY}")


def test_a_reference_that_is_neither_an_id_nor_a_key_is_refused_with_both_forms(command: Command, store: str) -> None:
    assert_refused(command("show", "order-1017", "--store", store), 2, "'order-1017'", "DEFINITION:KEY")


def test_a_key_that_nothing_was_started_with_is_named(command: Command, store: str) -> None:
    assert_refused(command("show", "order:order-1017", "--store", store), 1, "'order-1017'")


def test_an_unknown_definition_points_to_the_list(command: Command, store: str) -> None:
    assert_refused(command("start", "refund", "{}", "--store", store), 1, "'refund'", "saga definitions")


async def test_a_definition_that_is_nearly_right_is_suggested(counter: Counter, apart: AsyncCommand) -> None:
    store = counter.settings.store.get_secret_value()

    started = await apart("start", "ordr", "{}", "--store", store)
    shown = await apart("definitions", "ordr", "--store", store)
    listed = await apart("ls", "--definition", "ordr", "--store", store)

    assert_refused(started, 1, "there is no definition 'ordr'. Did you mean order?")
    assert_refused(shown, 1, "there is no definition 'ordr'. Did you mean order?")
    assert (listed.code, listed.out) == (0, "no sagas: there is no definition 'ordr'. Did you mean order?\n")


def test_an_option_without_a_value_is_named(command: Command) -> None:
    assert_refused(command("ls", "--limit"), 2, "saga ls needs a value for --limit")


def test_a_dev_server_that_has_stopped_is_mentioned(command: Command, tmp_path: Path) -> None:
    (tmp_path / ".saga").mkdir()

    assert_refused(command("ls"), 2, "pass --store", "`saga dev` in this folder (it ran here and has stopped)")


def test_an_input_that_is_not_json_is_refused(command: Command, store: str) -> None:
    assert_refused(command("start", "order", "{sku}", "--store", store), 2, "not JSON")


def test_an_input_file_that_is_missing_is_named(command: Command, store: str) -> None:
    assert_refused(command("start", "order", "@order.json", "--store", store), 2, "order.json")


def test_a_tag_without_a_value_is_named(command: Command, store: str) -> None:
    assert_refused(command("start", "order", "{}", "--tag", "region", "--store", store), 2, "region", "NAME=VALUE")


def test_a_moment_that_cannot_be_read_is_refused_with_the_forms(command: Command, store: str) -> None:
    assert_refused(command("ls", "--since", "yesterday", "--store", store), 2, "yesterday", "10m")


def test_an_unknown_command_is_a_usage_error(command: Command) -> None:
    assert_refused(command("strat"), 2, "strat")


def test_a_missing_argument_is_a_usage_error(command: Command) -> None:
    assert_refused(command("show"), 2, "saga show needs SAGA", "saga show order:order-1017")


def test_a_module_that_is_missing_is_named(command: Command, store: str) -> None:
    assert_refused(command("participant", "shopp:inventory", "--store", store), 2, "shopp")


def test_a_file_that_is_missing_is_named(command: Command, store: str) -> None:
    assert_refused(command("participant", "shopp.py", "--store", store), 2, "shopp.py")


@pytest.mark.parametrize(
    ("text", "target", "word"),
    [
        ("", "{}", "has no participant"),
        ("from saga import Participant\nshop = Participant('shop')\n", "{}:shoe", "it has: shop"),
        ("1 / 0\n", "{}", "ZeroDivisionError"),
        ("import no_such_library\n", "{}", "no_such_library"),
        ("from saga import Definition, Participant\nshop = Participant('shop')\norder = Definition('order')\n", "{}", "no steps"),
    ],
)  # fmt: skip
def test_a_module_that_cannot_be_served_says_why(
    command: Command, store: str, tmp_path: Path, text: str, target: str, word: str
) -> None:
    name = f"module_{abs(hash(text))}"
    (tmp_path / f"{name}.py").write_text(text)

    ran = command("participant", target.format(name), "--store", store)

    assert ran.code == 2
    assert ran.err.startswith("saga: ")
    assert word in ran.err
    assert "Traceback" not in ran.err


async def test_an_input_of_the_wrong_shape_names_the_fields(counter: Counter, apart: AsyncCommand) -> None:
    ran = await apart("start", "order", '{"sky": 1}', "--store", counter.settings.store.get_secret_value())

    assert_refused(ran, 2, "order v1", "sku is missing")


async def test_a_start_key_used_with_another_input_names_the_first_saga(counter: Counter, apart: AsyncCommand) -> None:
    store = counter.settings.store.get_secret_value()
    saga = await counter.start("order-1", sku="A-1")

    ran = await apart("start", "order", '{"sku": "B-2"}', "--key", "order-1", "--store", store)

    assert_refused(ran, 1, "'order-1'", str(saga), "another input")


async def test_a_rollback_after_the_pivot_says_that_it_has_passed(counter: Counter, apart: AsyncCommand) -> None:
    counter.blocked.add("confirm")
    saga = await counter.start()
    await counter.until_vector(saga, "SSD")

    ran = await apart("rollback", str(saga), "--store", counter.settings.store.get_secret_value())

    assert_refused(ran, 1, "passed its pivot charge")


async def test_a_retry_where_no_step_is_quarantined_says_so(counter: Counter, apart: AsyncCommand) -> None:
    counter.blocked.add("reserve")
    saga = await counter.start()

    ran = await apart("retry", "order:order-1017", "--store", counter.settings.store.get_secret_value())

    assert_refused(ran, 1, str(saga), "no quarantined step")


async def test_an_action_answers_with_what_comes_next(counter: Counter, apart: AsyncCommand) -> None:
    counter.blocked.add("reserve")
    saga = await counter.start()
    await counter.until_vector(saga, "DPP")

    ran = await apart("pause", str(saga), "--json", "--store", counter.settings.store.get_secret_value())

    assert (ran.code, ran.err) == (0, "")
    document = json.loads(ran.out)
    assert UUID(document["saga"]) == saga
    assert document["why"]["remedy"] == f"saga resume {saga}"
