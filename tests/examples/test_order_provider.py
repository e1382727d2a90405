"""The fake payment provider: unreliable in everything but its idempotency keys."""

import asyncio
import os
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn

from examples.order.provider.faults import Failure, Faults, Lateness
from examples.order.provider.ledger import Entry, Ledger, read_entries
from examples.order.provider.server import Provider, configuration
from examples.order.services.psp import Declined, Psp, PspMisused, PspUnavailable

REFERENCES = [f"order-{index:05}" for index in range(20_000)]
NEVER = Faults(seed=1, declined_share=0, late_share=0, failing_share=0)
LATE_SECONDS = 0.2


@asynccontextmanager
async def psp(path: Path, faults: Faults) -> AsyncIterator[Psp]:
    """The provider in this process, behind its real client."""
    ledger = Ledger(path)
    provider = Provider(ledger, faults, late_seconds=LATE_SECONDS)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(configuration(provider))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        async with Psp(f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
            yield client
        server.should_exit = True
        await serving
    ledger.close()


async def charge(client: Psp, key: str, reference: str = "order-1", cents: int = 500) -> str:
    return await client.charge(reference=reference, card="tok_test", cents=cents, idempotency_key=key)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "provider.jsonl"


async def test_a_charge_is_one_line_in_the_file(file: Path) -> None:
    async with psp(file, NEVER) as client:
        charged = await charge(client, "k1")
    assert [(entry.id, entry.reference, entry.cents) for entry in read_entries(file)] == [(charged, "order-1", 500)]


async def test_the_same_key_gets_the_same_answer_and_moves_money_once(file: Path) -> None:
    async with psp(file, NEVER) as client:
        first = await charge(client, "k1")
        assert await charge(client, "k1") == first
    assert len(read_entries(file)) == 1


async def test_calls_under_one_key_at_the_same_time_move_money_once(file: Path) -> None:
    async with psp(file, NEVER) as client:
        ids = await asyncio.gather(*(charge(client, "k1") for _ in range(20)))
    assert len(set(ids)) == 1
    assert len(read_entries(file)) == 1


async def test_another_key_is_another_charge(file: Path) -> None:
    async with psp(file, NEVER) as client:
        assert await charge(client, "k1") != await charge(client, "k2")
    assert len(read_entries(file)) == 2


async def test_a_key_that_was_used_for_another_call_is_refused(file: Path) -> None:
    async with psp(file, NEVER) as client:
        await charge(client, "k1", cents=500)
        with pytest.raises(PspMisused, match="k1 was used for another call"):
            await charge(client, "k1", cents=900)
    assert len(read_entries(file)) == 1


async def test_a_call_without_a_key_is_refused(file: Path) -> None:
    async with psp(file, NEVER) as client:
        with pytest.raises(PspMisused, match="Idempotency-Key is missing"):
            await charge(client, "")


async def test_a_call_of_the_wrong_shape_is_refused(file: Path) -> None:
    async with psp(file, NEVER) as client:
        with pytest.raises(PspMisused, match="greater than 0"):
            await charge(client, "k1", cents=-5)


async def test_a_decline_is_final_and_kept(file: Path) -> None:
    async with psp(file, Faults(seed=1, declined_share=1, late_share=0, failing_share=0)) as client:
        with pytest.raises(Declined):
            await charge(client, "k1")
        with pytest.raises(Declined):
            await charge(client, "k1")
    assert [entry.is_declined for entry in read_entries(file)] == [True]


async def test_a_refund_gives_back_what_was_charged(file: Path) -> None:
    async with psp(file, NEVER) as client:
        charged = await charge(client, "k1", cents=750)
        first = await client.refund(charged, idempotency_key="k2")
        assert await client.refund(charged, idempotency_key="k2") == first
    _, refund = read_entries(file)
    assert (refund.kind, refund.charge, refund.cents) == ("refund", charged, 750)


async def test_a_refund_of_an_unknown_charge_is_refused(file: Path) -> None:
    async with psp(file, NEVER) as client:
        with pytest.raises(PspMisused, match="no money was taken"):
            await client.refund("ch_unknown", idempotency_key="k1")


@pytest.mark.parametrize("lateness", [Lateness.ANSWER, Lateness.EFFECT])
async def test_a_late_answer_comes_after_the_caller_stopped_waiting_and_the_money_moved(
    file: Path, lateness: Lateness
) -> None:
    faults = Faults(seed=1, declined_share=0, late_share=1, failing_share=0)
    reference = next(name for name in REFERENCES if faults.lateness("charge", name) is lateness)
    async with psp(file, faults) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(LATE_SECONDS / 4):
                await charge(client, "k1", reference)
        charged = await charge(client, "k1", reference)
    assert [entry.id for entry in read_entries(file)] == [charged]


async def test_a_failed_call_may_be_repeated_until_it_succeeds(file: Path) -> None:
    faults = Faults(seed=1, declined_share=0, late_share=0, failing_share=0.5)
    failures = 0
    async with psp(file, faults) as client:
        for index in range(20):
            while True:
                try:
                    await charge(client, f"k{index}", f"order-{index}")
                    break
                except PspUnavailable:
                    failures += 1
    assert failures >= 5
    assert len(read_entries(file)) == 20


async def test_a_failure_after_the_money_moved_leaves_the_charge_in_the_file(file: Path) -> None:
    faults = Faults(seed=1, declined_share=0, late_share=0, failing_share=1)
    reference = next(name for name in REFERENCES if faults.failure("charge", name, 1) is Failure.AFTER)
    async with psp(file, faults) as client:
        with pytest.raises(PspUnavailable, match="500"):
            await charge(client, "k1", reference)
    assert len(read_entries(file)) == 1


async def test_a_failure_before_the_money_moved_leaves_nothing(file: Path) -> None:
    faults = Faults(seed=1, declined_share=0, late_share=0, failing_share=1)
    reference = next(name for name in REFERENCES if faults.failure("charge", name, 1) is Failure.BEFORE)
    async with psp(file, faults) as client:
        with pytest.raises(PspUnavailable, match="503"):
            await charge(client, "k1", reference)
    assert read_entries(file) == []


def test_five_percent_of_the_cards_are_declined() -> None:
    faults = Faults(seed=7)
    assert share([faults.declines(name) for name in REFERENCES]) == pytest.approx(0.05, abs=0.005)


def test_three_percent_of_the_answers_are_late_half_of_them_with_a_late_effect() -> None:
    faults = Faults(seed=7)
    late = [faults.lateness("charge", name) for name in REFERENCES]
    assert share([each is not Lateness.NONE for each in late]) == pytest.approx(0.03, abs=0.005)
    assert share([each is Lateness.EFFECT for each in late]) == pytest.approx(0.015, abs=0.003)


def test_two_percent_of_the_calls_fail_half_of_them_after_the_money_moved() -> None:
    faults = Faults(seed=7)
    failures = [faults.failure("charge", name, 1) for name in REFERENCES]
    assert share([each is not Failure.NONE for each in failures]) == pytest.approx(0.02, abs=0.004)
    assert share([each is Failure.AFTER for each in failures]) == pytest.approx(0.01, abs=0.003)


def test_the_same_seed_has_the_same_faults_and_another_seed_has_others() -> None:
    fates = [[Faults(seed).declines(name) for name in REFERENCES] for seed in (7, 7, 8)]
    assert fates[0] == fates[1]
    assert fates[0] != fates[2]


def test_an_unfinished_last_line_is_cut_off_when_the_file_is_opened_again(file: Path) -> None:
    entry = Entry(kind="charge", id="ch_1", key="k1", reference="o", charge="ch_1", card="c", cents=5)
    line = f"{entry.model_dump_json()}\n"
    file.write_text(line + line[:20])
    assert read_entries(file) == [entry]
    ledger = Ledger(file)
    ledger.close()
    assert file.read_text() == line
    assert ledger.by_key == {"k1": entry}


async def test_a_provider_killed_with_minus_nine_gives_the_same_answer_after_its_restart(file: Path) -> None:
    async with provider_process(file) as (process, url), Psp(url) as client:
        first = await charge(client, "k1")
        process.kill()
        await process.wait()
    async with provider_process(file) as (_, url), Psp(url) as client:
        assert await charge(client, "k1") == first
    assert len(read_entries(file)) == 1


@asynccontextmanager
async def provider_process(file: Path) -> AsyncIterator[tuple[Process, str]]:
    shares = ("--declined-share=0", "--late-share=0", "--failing-share=0")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "examples.order.provider", str(file), *shares),
        stdout=PIPE,
        env=dict(os.environ),
    )
    assert process.stdout is not None
    try:
        yield process, (await process.stdout.readline()).decode().strip()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def share(facts: list[bool]) -> float:
    return sum(facts) / len(facts)
