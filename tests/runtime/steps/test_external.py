"""External steps: keys that never change, unknown outcomes, and declines that are not final yet."""

from __future__ import annotations

import time
from typing import Any

from saga import Context, Definition, DidNotHappen, Participant, Reject, Retry
from tests.runtime.world import Gate, Provider, Sql, World, until

QUICK = Retry(attempts=5, first="10ms", cap="20ms")
ONCE = Retry(attempts=1)


class Payments:
    """A service whose provider answers late or never, on demand; and a last step that can reject."""

    def __init__(
        self, *, retry: Retry = QUICK, timeout: str = "300ms", probed: bool = False, rejects: bool = True
    ) -> None:
        self.provider = Provider()
        self.silent = 0  # that many calls take effect but are not answered
        self.declines_from: int | None = None  # from this call on it declines
        self.undone: list[str] = []
        self.undo_keys: list[str] = []
        self.participant = Participant("payments")
        self._register(probed=probed)
        self.definition = Definition("payment")
        charged = self.definition.step(
            "payments.charge",
            retry=retry,
            timeout=timeout,
            compensation_retry=Retry(attempts=None, first="10ms", cap="20ms"),
        )
        last = self.definition.step("payments.refuse" if rejects else "payments.finish", after=charged)
        self.definition.returns(last.output)

    async def _look(self, _: Any, ctx: Context) -> str:
        if ctx.idempotency_key not in self.provider.effects:
            raise DidNotHappen
        return self.provider.effects[ctx.idempotency_key]

    def _register(self, *, probed: bool) -> None:
        @self.participant.step(external=True)
        async def charge(value: Any, ctx: Context) -> str:
            number = len(self.provider.calls)
            if self.declines_from is not None and number >= self.declines_from:
                self.provider.calls.append(ctx.idempotency_key)
                raise Reject("declined")
            charged = self.provider.call(ctx.idempotency_key, f"charge of {ctx.saga_id}")
            if number < self.silent:
                raise TimeoutError
            return charged

        @charge.compensation
        async def refund(value: Any, charged: str, ctx: Context) -> None:
            self.undo_keys.append(ctx.idempotency_key)
            if len(self.undo_keys) == 1:
                raise ConnectionError("try once more")
            self.undone.append(charged)
            self.provider.drop(charged)

        if probed:
            charge.probe(self._look)

        @self.participant.step(external=True)
        async def refuse() -> None:
            raise Reject("no")

        @self.participant.step(external=True)
        async def finish() -> str:
            return "finished"


async def test_every_attempt_calls_under_the_same_key(any_world: World) -> None:
    payments = Payments(rejects=False)
    payments.silent = 3
    sagas = await any_world.join(payments.participant)
    assert (await (await sagas.start(payments.definition)).result(10)).value == "finished"
    assert len(payments.provider.calls) == 4
    assert len(set(payments.provider.calls)) == len(payments.provider.effects) == 1


async def test_the_compensation_has_one_key_of_its_own(any_world: World) -> None:
    payments = Payments()
    sagas = await any_world.join(payments.participant)
    await (await sagas.start(payments.definition)).result(10)
    assert len(payments.undo_keys) == 2
    assert len(set(payments.undo_keys)) == 1
    assert set(payments.undo_keys).isdisjoint(payments.provider.calls)


async def test_an_unknown_charge_is_resolved_before_it_is_refunded(any_world: World) -> None:
    payments = Payments(retry=ONCE)
    payments.silent = 1
    sagas = await any_world.join(payments.participant, margin=0.05)
    ending = await (await sagas.start(payments.definition)).result(10)
    assert ending.status == "compensated"
    assert len(set(payments.provider.calls)) == 1
    assert payments.undone == [f"charge of {ending.saga}"]
    assert not payments.provider.effects


async def test_a_probe_is_called_instead_of_the_step(any_world: World) -> None:
    payments = Payments(retry=ONCE, probed=True)
    payments.silent = 1
    sagas = await any_world.join(payments.participant, margin=0.05)
    ending = await (await sagas.start(payments.definition)).result(10)
    assert ending.status == "compensated"
    assert len(payments.provider.calls) == 1
    assert payments.undone == [f"charge of {ending.saga}"]


async def test_a_probe_that_finds_nothing_is_believed_only_after_the_quiet_time(any_world: World) -> None:
    service = Participant("service")
    asked: list[float] = []

    @service.step(external=True)
    async def send() -> None:
        raise TimeoutError

    @send.compensation
    async def take_back(value: Any, result: None) -> None:
        raise AssertionError("there is nothing to take back")

    @send.probe
    async def look() -> None:
        asked.append(time.monotonic())
        raise DidNotHappen

    @service.step(external=True)
    async def finish() -> None: ...

    definition = Definition("sending")
    sent = definition.step("service.send", retry=ONCE, compensation_retry=QUICK, timeout="300ms")
    definition.step("service.finish", after=sent)
    sagas = await any_world.join(service, margin=0.6)
    began_at = time.monotonic()
    ending = await (await sagas.start(definition)).result(10)
    assert ending.status == "compensated"
    assert asked[-1] - began_at >= 0.9, "a call that broke off at once may arrive until timeout and margin are over"


async def test_a_decline_within_the_quiet_time_is_not_final_and_becomes_final_later(any_world: World) -> None:
    payments = Payments()
    payments.silent, payments.declines_from = 1, 1
    sagas = await any_world.join(payments.participant, margin=0.6)
    began_at = time.monotonic()
    ending = await (await sagas.start(payments.definition)).result(10)
    assert (ending.status, ending.reason) == ("compensated", "charge: declined")
    assert time.monotonic() - began_at >= 0.9
    assert len(payments.provider.calls) >= 3


async def test_a_success_within_the_quiet_time_counts_at_once(any_world: World) -> None:
    payments = Payments(rejects=False)
    payments.silent = 1
    sagas = await any_world.join(payments.participant, margin=30)
    assert (await (await sagas.start(payments.definition)).result(10)).is_completed


async def test_a_decline_of_a_claim_that_is_not_the_newest_is_ignored(world: World, sql: Sql) -> None:
    service = Participant("service", concurrency=1)  # the first has no room to take it back
    gates = [Gate(), Gate()]

    @service.step(external=True)
    async def ask() -> str:
        number = sum(gate.reached for gate in gates)
        await gates[number].wait()
        if number == 0:
            raise Reject("an old no")
        return "yes"

    definition = Definition("asking")
    definition.returns(definition.step("service.ask").output)
    first = await world.join(service)
    handle = await first.start(definition)
    await gates[0].somebody_waits()
    second = await world.join(service)
    # a peer takes the claim away, as it does when it takes the holder for dead
    await sql.execute("select give_back(array[$1]::uuid[], array[0]::smallint[], 0)", handle.id)
    second.process.poll_requests.poll()
    await gates[1].somebody_waits()
    gates[0].open()
    await until(lambda: first.process.intake.in_flight == 0, "the old answer is there")
    await first.process.outcomes.drained()
    assert (await sql.fetchval("select vector from saga where id = $1", handle.id)) == "D"
    gates[1].open()
    assert (await handle.result(10)).value == "yes"


async def test_a_call_does_not_begin_after_its_lease(world: World, sql: Sql) -> None:
    payments = Payments(rejects=False)
    sagas = await world.join(payments.participant)
    handle = await sagas.start(payments.definition)
    await handle.result(10)
    before = len(payments.provider.calls)
    world.is_forged = True
    await sql.execute("update saga set phase = 'R', vector = 'DP', ended_at = null where id = $1", handle.id)
    await sql.execute(
        "insert into command (saga, step, op, service, owner, claim, due_at, lease_until, deliveries)"
        " values ($1, 0, 'E', 'payments', $2, 77, now(), now() - interval '1 second', 1)",
        handle.id,
        sagas.process.number,
    )
    (claim,) = await sagas.process.adapter.store.fetch([], process=sagas.process.number)
    await sagas.process.executor.run(claim)
    assert len(payments.provider.calls) == before
    await until(lambda: len(payments.provider.calls) > before, "another claim calls")


async def test_a_claim_that_is_taken_over_keeps_its_quiet_time(world: World, sql: Sql) -> None:
    service = Participant("service")
    gate = Gate()

    @service.step(external=True)
    async def ask() -> None:
        if gate.reached:
            raise Reject("no")
        await gate.wait()

    definition = Definition("asking")
    definition.step("service.ask", timeout="20s")
    first = await world.join(service, lease=2)
    handle = await first.start(definition)
    await gate.somebody_waits()
    second = await world.join(service, lease=2)
    await world.kill(first)
    found = "select quiet_at - now() > interval '15 seconds' from command where saga = $1 and error like 'declined%'"
    await until(lambda: sql.fetchval(found, handle.id), "its decline has to wait for the first call")
    assert (await second.snapshot(handle.id)).state.vector == "D"


async def test_a_call_that_a_crash_cut_off_is_made_again_under_its_key(world: World) -> None:
    payments = Payments(rejects=False)
    gate = Gate()
    charge = payments.participant.handlers["charge"].execute_function
    original = charge.function

    async def cut_off(value: Any, ctx: Context) -> str:
        charged: str = await original(value, ctx)
        if not gate.reached:
            await gate.wait()
        return charged

    charge.function = cut_off
    first = await world.join(payments.participant)
    handle = await first.start(payments.definition)
    await gate.somebody_waits()
    await world.kill(first)
    second = await world.join(payments.participant)
    assert (await second.handle(handle.id).result(10)).value == "finished"
    assert len(payments.provider.calls) == 2
    assert len(payments.provider.effects) == 1


async def test_the_saga_waits_for_a_pivot_whose_outcome_is_unknown(any_world: World) -> None:
    service = Participant("service")
    gate = Gate()

    @service.step(external=True)
    async def pay() -> str:
        await gate.wait()
        return "paid"

    definition = Definition("pivotal")
    definition.returns(definition.step("service.pay", pivot=True).output)
    sagas = await any_world.join(service)
    handle = await sagas.start(definition)
    await gate.somebody_waits()
    held = await sagas.operations.roll_back(handle.id, actor="someone", reason="too slow")
    assert held.state.rollback_requested
    gate.open()
    ending = await handle.result(10)
    assert (ending.status, ending.value) == ("completed", "paid")
