"""Actions from the shell: shown first, confirmed if irreversible, on one saga or on many."""

from __future__ import annotations

import asyncio
import json

import asyncpg

from saga import GiveUp
from tests.cli.conftest import AsyncCommand, Ran
from tests.cli.counter import Counter


async def acted(apart: AsyncCommand, counter: Counter, *arguments: str) -> Ran:
    return await apart(*arguments, "--store", counter.settings.store.get_secret_value())


async def held_at_the_charge(counter: Counter, *keys: str) -> None:
    counter.faults["charge"] = ConnectionError("the provider does not answer")
    for key in keys:
        saga = await counter.start(key)
        await counter.until_vector(saga, "SDP")


async def test_a_dry_run_of_a_rollback_shows_the_plan_and_changes_nothing(
    counter: Counter, apart: AsyncCommand
) -> None:
    counter.faults["reserve"] = ConnectionError("the shelf is locked")
    saga = await counter.start()
    before = await counter.until_vector(saga, "DPP")

    ran = await acted(apart, counter, "rollback", "order:order-1017", "--dry-run")

    assert ran.code == 0, ran.err
    assert "1. reserve (inventory.reserve): find out whether it happened, and compensate it if it did" in ran.out
    assert 'input {"sku": "A-1"}' in ran.out
    assert (await counter.detail(saga)).state == before.state


async def test_the_plan_of_a_rollback_is_printed_as_json(counter: Counter, apart: AsyncCommand) -> None:
    counter.faults["reserve"] = ConnectionError("the shelf is locked")
    await counter.until_vector(await counter.start(), "DPP")

    ran = await acted(apart, counter, "rollback", "order:order-1017", "--dry-run", "--json")

    plan = json.loads(ran.out)
    assert (plan["action"], plan["calls"], plan["refusal"]) == ("roll back", {"inventory": 1}, None)
    (stage,) = plan["stages"]
    assert stage == [
        {
            "step": "reserve",
            "service": "inventory",
            "state": "dispatched",
            "undo": "find_out",
            "input": {"sku": "A-1"},
            "result": None,
        }
    ]


async def test_an_action_is_taken_only_while_its_plan_is_the_one_that_was_approved(
    counter: Counter, apart: AsyncCommand
) -> None:
    counter.faults["confirm"] = GiveUp("no such address")
    saga = await counter.start()
    await counter.until_vector(saga, "SSd")
    shown = await acted(apart, counter, "pause", str(saga), "--dry-run")
    digest = shown.out.splitlines()[-1].removeprefix("plan ")

    many, other, given = await asyncio.gather(
        acted(apart, counter, "pause", "--all", "--yes", "--if-plan", digest),
        acted(apart, counter, "resume", str(saga), "--if-plan", digest),
        acted(apart, counter, "abandon", str(saga), "--yes", "--if-plan", digest[:4]),
    )
    paused = await acted(apart, counter, "pause", str(saga), "--if-plan", digest[:8], "--actor", "ann")
    refused = await acted(apart, counter, "rollback", str(saga), "--yes", "--actor", "bob", "--reason", "a test")
    page, document = await asyncio.gather(
        acted(apart, counter, "show", str(saga)), acted(apart, counter, "show", str(saga), "--json")
    )

    assert (many.code, other.code, given.code, paused.code, refused.code) == (2, 1, 1, 0, 1), paused.err
    assert "--if-plan is for one saga" in many.err
    assert "another plan follows from abandon" in given.err
    lines = [(line["actor"], line["action"], line["refusal"]) for line in json.loads(document.out)["audit"]]
    assert lines == [
        ("bob", "roll back", f"saga {saga} has passed its pivot charge and only goes forward"),
        ("ann", "pause", None),
    ]
    assert json.loads(document.out)["audit"][1]["plan"] == digest
    assert page.out.index("ann") < page.out.index("bob"), "oldest first, as the history"


async def test_many_are_paused_and_resumed_by_a_filter(counter: Counter, apart: AsyncCommand) -> None:
    await held_at_the_charge(counter, "one", "two", "three")

    paused = await acted(apart, counter, "pause", "--definition", "order", "--yes")
    assert (paused.code, paused.out) == (0, "3 sagas paused\n"), paused.err
    again = await acted(apart, counter, "pause", "--all", "--yes")
    assert (again.code, again.out) == (0, "0 sagas paused\n"), again.err
    resumed = await acted(apart, counter, "resume", "--all", "--yes", "--json")
    assert len(json.loads(resumed.out)["done"]) == 3


async def test_a_dry_run_lists_many_sagas_and_changes_none(counter: Counter, apart: AsyncCommand) -> None:
    await held_at_the_charge(counter, "one", "two")

    ran = await acted(apart, counter, "pause", "--all", "--dry-run")

    assert ran.out.startswith("2 sagas would be paused\n")
    assert len(ran.out.splitlines()) == 3


async def test_many_are_not_changed_without_a_terminal_or_yes(counter: Counter, apart: AsyncCommand) -> None:
    await held_at_the_charge(counter, "one")

    ran = await acted(apart, counter, "pause", "--all")

    assert ran.code == 2
    assert "pass --yes, or --dry-run" in ran.err


async def test_either_one_saga_or_many_must_be_selected(counter: Counter, apart: AsyncCommand) -> None:
    neither, both = await asyncio.gather(
        acted(apart, counter, "pause"), acted(apart, counter, "pause", "order:one", "--all")
    )

    assert (neither.code, both.code) == (2, 2)
    assert "which saga?" in neither.err
    assert "not both" in both.err


async def test_sagas_that_refuse_are_named_and_the_others_are_changed(counter: Counter, apart: AsyncCommand) -> None:
    counter.faults["confirm"] = GiveUp("no such address")
    stuck = await counter.start("stuck")
    await counter.until_vector(stuck, "SSd")
    counter.faults["reserve"] = ConnectionError("the shelf is locked")
    fresh = await counter.start("fresh")
    await counter.until_vector(fresh, "DPP")

    ran = await acted(apart, counter, "rollback", "--definition", "order", "--yes")

    assert ran.code == 1
    assert ran.out.startswith("1 saga rolled back\n1 saga left alone:\n")
    assert "has passed its pivot charge" in ran.out


async def test_a_saga_is_abandoned_only_with_yes_and_lists_the_effects_that_remain(
    counter: Counter, apart: AsyncCommand, postgres: asyncpg.Connection[asyncpg.Record]
) -> None:
    counter.faults["confirm"] = GiveUp("no such address")
    saga = await counter.start()
    await counter.until_vector(saga, "SSd")

    refused = await acted(apart, counter, "abandon", str(saga))
    assert refused.code == 2
    assert "pass --yes" in refused.err
    given_up = await acted(apart, counter, "abandon", str(saga), "--yes", "--reason", "bankrupt", "--actor", "ann")

    assert given_up.code == 0, given_up.err
    assert "left: reserve (inventory): its effect remains" in given_up.out
    assert "left: charge (payments): its effect remains" in given_up.out
    assert "left: confirm (mail): its effect may exist (frozen)" in given_up.out
    row = await postgres.fetchrow("select actor, action, reason, detail->'before'->>'vector' as before from saga.audit")
    assert row is not None
    assert tuple(row) == ("ann", "abandon", "bankrupt", "SSd")


async def test_a_step_is_skipped_from_the_shell(
    counter: Counter, apart: AsyncCommand, postgres: asyncpg.Connection[asyncpg.Record]
) -> None:
    counter.faults["confirm"] = GiveUp("no such address")
    saga = await counter.start()
    await counter.until_vector(saga, "SSd")

    await postgres.execute("update saga.command set quiet_at = now() where saga = $1", saga)  # no call can still arrive
    shown = await acted(apart, counter, "skip", str(saga), "confirm", "--dry-run")
    skipped = await acted(apart, counter, "skip", str(saga), "confirm")

    assert shown.out.splitlines()[1:-1] == [
        "confirm: quarantined (dispatched) -> skipped",
        "saga: running -> completed",
    ], shown.err
    assert skipped.code == 0, skipped.err
    assert (await counter.detail(saga)).state.vector == "SSN"
