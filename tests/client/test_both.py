"""Both connections, over the store and over the API, do the same."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel, SecretStr

import saga
from saga.errors import ActionRefused, PlanChanged
from saga.ports.values.audit import AuditFilter
from saga.runtime.handlers.completion_token import token_of
from tests.cli.counter import Counter, Order

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECONDS = 20
APPROVED = {"approved": True}


async def test_a_saga_is_started_and_its_end_is_awaited(sagas: saga.Sagas, shop: Counter) -> None:
    handle = await sagas.start("order", {"sku": "A-1"}, tags={"region": "eu"})
    ending = await handle.result(SECONDS)

    assert ending == saga.Ending(handle.id, "completed", "charge done", None)
    assert (handle.is_new, ending.is_completed) == (True, True)
    assert (await shop.detail(handle.id)).tags == '{"region": "eu"}'


async def test_a_definition_starts_sagas_with_values_of_its_type(sagas: saga.Sagas, shop: Counter) -> None:
    handle = await sagas.start(shop.order, Order(sku="A-1"))

    assert (await handle.result(SECONDS)).is_completed


async def test_a_key_starts_one_saga(sagas: saga.Sagas) -> None:
    key = f"a/b c?{uuid4()}"

    first, again = [await sagas.start("order", {"sku": "A-1"}, key=key) for _ in range(2)]
    found = await sagas.find("order", key)

    assert (first.is_new, again.is_new, found.is_new) == (True, False, False)
    assert first.id == again.id == found.id
    with pytest.raises(saga.Conflict, match="another input"):
        await sagas.start("order", {"sku": "B-2"}, key=key)


async def test_an_id_starts_one_saga(sagas: saga.Sagas) -> None:
    made = sagas.new_id()

    first, again = [await sagas.start_as(made, "order", {"sku": "A-1"}) for _ in range(2)]

    assert (first.id, first.is_new, again.id, again.is_new) == (made, True, made, False)
    with pytest.raises(saga.Conflict, match="another input"):
        await sagas.start_as(made, "order", {"sku": "B-2"})
    with pytest.raises(saga.UsageError, match="UUIDv7"):
        await sagas.start_as(uuid4(), "order", {"sku": "A-1"})


async def test_both_connections_start_the_same_saga(sagas: saga.Sagas, shop: Counter) -> None:
    key = str(uuid4())

    other = await shop.sagas.start(shop.order, Order(sku="ä€😀"), key=key)

    assert (await sagas.start("order", {"sku": "ä€😀"}, key=key)).id == other.id
    assert (await sagas.start(shop.order, Order(sku="ä€😀"), key=key)).id == other.id


async def test_a_rolled_back_saga_says_why(sagas: saga.Sagas, shop: Counter) -> None:
    shop.faults["charge"] = saga.Reject("card declined")
    try:
        ending = await (await sagas.start("order", {"sku": "A-1"})).result(SECONDS)
    finally:
        shop.faults.clear()

    assert (ending.status, ending.value, ending.reason) == ("compensated", None, "charge: card declined")


async def test_a_wait_ends_when_the_saga_does_or_its_time_is_up(sagas: saga.Sagas, shop: Counter) -> None:
    shop.blocked.add("reserve")
    handle = await sagas.start("order", {"sku": "A-1"})

    with pytest.raises(TimeoutError):
        await handle.result(0.1)
    waiting = [asyncio.create_task(sagas.handle(handle.id).result(SECONDS)) for _ in range(3)]
    await shop.until(handle.id, lambda detail: detail.commands != {})
    shop.release("reserve")

    assert {(await one).status for one in waiting} == {"completed"}


async def test_what_does_not_exist_is_not_found(sagas: saga.Sagas) -> None:
    unknown = sagas.new_id()

    with pytest.raises(saga.NotFound, match=str(unknown)):
        await sagas.handle(unknown).result(SECONDS)
    with pytest.raises(saga.NotFound, match="no saga of"):
        await sagas.find("order", "no such key")
    with pytest.raises(saga.NotFound, match="ordr"):
        await sagas.start("ordr", {"sku": "A-1"})
    with pytest.raises(saga.NotFound):
        await sagas.start("order", {"sku": "A-1"}, version=9)


@dataclass
class Odd:
    """A value that no definition here takes."""

    number: float


@pytest.mark.parametrize("value", [{"sku": 7}, {}, None, {"sku": "x" * 300_000}, Odd(float("nan")), object()])
async def test_an_input_that_does_not_fit_is_refused(sagas: saga.Sagas, value: object) -> None:
    with pytest.raises(saga.InputRefused):
        await sagas.start("order", value)


@pytest.mark.parametrize(
    "texts", [{"key": ""}, {"key": "\x00"}, {"tags": {"region": "x" * 20_000}}, {"key": "x" * 201}]
)
async def test_odd_texts_are_refused(sagas: saga.Sagas, texts: dict[str, Any]) -> None:
    with pytest.raises(saga.UsageError):
        await sagas.start("order", {"sku": "A-1"}, **texts)


async def test_several_sagas_are_started_and_awaited_at_once(sagas: saga.Sagas) -> None:
    handles = await asyncio.gather(*(sagas.start("order", {"sku": "A-1"}) for _ in range(8)))
    endings = await asyncio.gather(*(handle.result(SECONDS) for handle in handles))

    assert [(ending.saga, ending.status) for ending in endings] == [(handle.id, "completed") for handle in handles]


def another(version: int, handler: str = "payments.charge") -> saga.Definition[Order]:
    """A definition of one step."""
    made = saga.Definition(f"payment_{uuid4().hex}", version=version, input=Order)
    made.returns(made.step(handler, retry=saga.Retry(attempts=7)).output)
    return made


async def test_a_definition_is_registered_once_and_starts_sagas(sagas: saga.Sagas, shop: Counter) -> None:
    payment = another(3)

    numbers = [await sagas.register(payment) for _ in range(2)]
    ending = await (await sagas.start(payment.name, {"sku": "A-1"})).result(SECONDS)

    stored, graph = await shop.away.adapter.directory.find(payment.name, 3)
    assert numbers == [stored, stored] == [await shop.away.register(payment)] * 2
    assert graph.hash == payment.graph(await shop.away.adapter.directory.contracts()).hash
    assert ending.value == "charge done"
    with pytest.raises(saga.InputRefused):
        await sagas.start(payment.name, {"sku": 7})


async def test_a_version_that_is_not_activated_is_started_by_its_number_only(sagas: saga.Sagas) -> None:
    payment = another(1)

    await sagas.register(payment, activate=False)

    assert (await sagas.start(payment.name, {"sku": "A-1"}, version=1)).is_new
    with pytest.raises(saga.NotFound):
        await sagas.start(payment.name, {"sku": "A-1"})


async def test_a_definition_that_is_not_there_is_registered_when_it_is_started(sagas: saga.Sagas) -> None:
    handle = await sagas.start(another(1), Order(sku="A-1"))

    assert (await handle.result(SECONDS)).is_completed


async def test_a_definition_that_is_not_acceptable_names_every_reason(sagas: saga.Sagas) -> None:
    with pytest.raises(saga.DefinitionError, match=r"bank\.charge") as refused:
        await sagas.register(another(1, "bank.charge"))

    assert any("bank.charge" in str(finding) for finding in refused.value.findings)


async def test_a_version_with_another_graph_is_a_conflict_unless_it_is_overwritten(
    sagas: saga.Sagas, shop: Counter
) -> None:
    payment = another(1)
    await sagas.register(payment)
    other = saga.Definition(payment.name, version=1, input=Order)
    other.step("mail.confirm")

    with pytest.raises(saga.Conflict, match="another graph"):
        await sagas.register(other)
    await sagas.register(other, overwrite=True)

    assert (await shop.away.adapter.directory.find(payment.name, 1))[1].steps[0].service == "mail"


class Secret(BaseModel):
    pin: SecretStr


async def test_an_input_type_that_cannot_be_read_back_is_refused(sagas: saga.Sagas) -> None:
    made = saga.Definition("secret", input=Secret)
    made.step("payments.charge", inputs={"sku": "A-1"})

    with pytest.raises(saga.DefinitionError, match="pin"):
        await sagas.register(made)


async def stuck(sagas: saga.Sagas, shop: Counter, key: str) -> UUID:
    """A saga whose first step has used up its attempts."""
    shop.faults["charge"] = saga.GiveUp("the bank is closed")
    handle = await sagas.start("order", {"sku": "A-1"}, key=key)
    await shop.until(handle.id, lambda detail: detail.state.is_stuck)
    return handle.id


async def test_sagas_are_found_and_explained(sagas: saga.Sagas, shop: Counter) -> None:
    keys = [str(uuid4()) for _ in range(3)]
    found = [await stuck(sagas, shop, key) for key in keys]
    query = f"key:{','.join(keys)} is:stuck"

    first = await sagas.search(query, limit=2)
    rest = await sagas.search(query, cursor=first.cursor)
    answer = await sagas.why(found[0])

    lines = [*first.lines, *rest.lines]
    known = {line.saga: line for line in (await shop.away.search(query)).lines}
    assert [(line.saga, line.key) for line in lines] == list(zip(reversed(found), reversed(keys), strict=True))
    assert (first.is_complete, rest.cursor, rest.scanned_to) == (True, None, None)
    assert all(abs(line.since - known[line.saga].since) < 0.01 for line in lines)
    assert [replace(line, since=0, started_at=0, deadline=None) for line in lines] == [
        replace(known[line.saga], since=0, started_at=0, deadline=None) for line in lines
    ]
    assert abs((lines[0].deadline or 0) - (known[lines[0].saga].deadline or 0)) < 0.01
    expected = await shop.away.why(found[0])
    assert replace(answer, since=0) == replace(expected, since=0)
    assert abs(answer.since - expected.since) < 0.01
    with pytest.raises(saga.UsageError, match="colour"):
        await sagas.search("colour:red")
    with pytest.raises(saga.NotFound):
        await sagas.why(sagas.new_id())


async def test_an_action_is_planned_approved_and_carried_out_once(sagas: saga.Sagas, shop: Counter) -> None:
    made = await stuck(sagas, shop, str(uuid4()))
    request = str(uuid4())

    plan = await sagas.plan(made, "roll back")
    with pytest.raises(PlanChanged) as changed:
        await sagas.act(made, "roll back", reason="too late", expected_plan="00ff")
    for _ in range(2):
        await sagas.act(made, "pause", reason="wait a moment", request=request)
    with pytest.raises(ActionRefused, match="paused"):
        await sagas.act(made, "pause", reason="again")
    await sagas.act(made, "resume", reason="go on")
    shop.faults.clear()
    await sagas.act(made, "retry", reason="the bank is open", step="charge")
    ending = await sagas.handle(made).result(SECONDS)

    assert changed.value.plan["digest"] == plan["digest"]
    assert ending.is_completed
    lines = await shop.away.process.ledger.audits(AuditFilter(saga=made, limit=9))
    assert [(one.audit.action.action, one.audit.action.reason) for one in reversed(lines) if not one.audit.refusal] == [
        ("pause", "wait a moment"),
        ("resume", "go on"),
        ("retry", "the bank is open"),
    ]
    with pytest.raises(ActionRefused):
        await sagas.act(made, "roll back", reason="too late")


async def test_an_approved_plan_is_carried_out(sagas: saga.Sagas, shop: Counter) -> None:
    made = await stuck(sagas, shop, str(uuid4()))
    plan = await sagas.plan(made, "resolve", step="charge", evidence="happened")
    assert plan["refusal"] is None, plan

    digest = str(plan["digest"])
    await sagas.act(made, "resolve", reason="asked the bank", step="charge", evidence="happened", expected_plan=digest)

    assert (await sagas.handle(made).result(SECONDS)).status in {"completed", "compensated"}
    with pytest.raises(saga.UsageError, match="does not resolve a step"):
        await sagas.plan(made, "resolve", step="charge")


def reviewed() -> saga.Definition:
    """Charges what was reviewed."""
    found = saga.Definition("reviewed", input=Order)
    review = found.wait("review", dict[str, bool], timeout="1h")
    found.step("payments.charge", after=review, when=review.output["approved"])
    return found


async def test_an_event_is_sent_once_and_checked(sagas: saga.Sagas, shop: Counter) -> None:
    await shop.sagas.register(reviewed())
    key = str(uuid4())
    handle = await sagas.start("reviewed", {"sku": "A-1"}, key=key)

    with pytest.raises(saga.UsageError, match="Did you mean review"):
        await handle.send("reviev", APPROVED)
    with pytest.raises(saga.InputRefused, match="review"):
        await handle.send("review", {"approved": [1]})
    sent = await sagas.send(("reviewed", key), "review", APPROVED, id=key)
    await handle.result(SECONDS)

    assert (sent.id, sent.is_new) == (key, True)
    assert (await shop.detail(handle.id)).state.vector == "SS"
    with pytest.raises(saga.Conflict, match="has ended"):
        await handle.send("review", APPROVED)
    with pytest.raises(saga.NotFound):
        await sagas.send(sagas.new_id(), "review", APPROVED)


async def test_a_step_is_completed_from_outside(sagas: saga.Sagas, shop: Counter) -> None:
    shop.faults["charge"] = saga.Pending("1h")
    made = await sagas.start("order", {"sku": "A-1"})
    await shop.until(made.id, lambda detail: 1 in detail.commands and detail.commands[1].until is not None)
    token = await token_for(shop, made.id, 1)

    with pytest.raises(saga.UsageError, match="not the token"):
        await sagas.complete(f"{token[:-4]}AAAA", "charged")
    with pytest.raises(saga.InputRefused, match="does not fit"):
        await sagas.complete(token, {"charged": True})
    first = await sagas.complete(token, "charged")
    ending = await made.result(SECONDS)
    again = await sagas.complete(token, "charged")

    assert (first.is_new, again.is_new, ending.value) == (True, False, "charged")
    with pytest.raises(saga.Conflict, match="used up"):
        await sagas.reject(token, "too late")


async def token_for(shop: Counter, made: UUID, step: int) -> str:
    """The token of the first attempt, which its handler would hand out."""
    key = await shop.away.adapter.inbox.completion_key()
    return token_of(cast("Any", SimpleNamespace(saga=made, step=step, number=1)), key)
