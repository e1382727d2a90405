"""Roles that may connect to the database but are not processes of the namespace can neither read nor forge a notification."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from uuid import UUID, uuid4

import asyncpg
import pytest
from msgspec.structs import replace

from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.errors import ProtocolViolation
from saga.ports.adapter import StoreOptions
from saga.ports.membership import ProcessListener
from saga.ports.values.claim import Claim, CommandRef
from saga.ports.values.notification import Notifications
from saga_postgres.adapter import PostgresAdapter
from saga_postgres.announce.channels import process_channel
from saga_postgres.announce.encryption import MessageCipher

PLACE = "wsaga_saga_p_7"
SECRET = b'{"card":"4242"}'


def cipher_with(key: bytes) -> MessageCipher:
    cipher = MessageCipher(memory_seconds=30.0)
    cipher.use(key)
    return cipher


def test_a_process_with_the_key_reads_what_was_encrypted() -> None:
    payload = cipher_with(bytes(32)).encrypt(PLACE, SECRET)
    assert cipher_with(bytes(32)).decrypt(PLACE, payload) == SECRET
    assert "4242" not in payload


@pytest.mark.parametrize(("key", "place"), [(b"\1" * 32, PLACE), (bytes(32), "wsaga_saga_p_8")])
def test_another_key_or_another_place_decrypts_nothing(key: bytes, place: str) -> None:
    payload = cipher_with(bytes(32)).encrypt(PLACE, SECRET)
    with pytest.raises(ProtocolViolation, match="not encrypted for this process"):
        cipher_with(key).decrypt(place, payload)


def test_a_payload_that_was_changed_or_cut_anywhere_is_refused() -> None:
    payload = cipher_with(bytes(32)).encrypt(PLACE, SECRET)
    cipher, encrypted = cipher_with(bytes(32)), b64decode(payload)
    changed = [encrypted[:n] + bytes([encrypted[n] ^ 1]) + encrypted[n + 1 :] for n in range(len(encrypted))]
    for forged in (*changed, *(encrypted[:n] for n in range(len(encrypted)))):
        with pytest.raises(ProtocolViolation, match="not encrypted for this process"):
            cipher.decrypt(PLACE, b64encode(forged).decode())
    assert cipher.decrypt(PLACE, payload) == SECRET


def test_no_two_payloads_use_the_same_nonce_of_the_same_key() -> None:
    ciphers = [cipher_with(bytes(32)) for _ in range(5)]
    heads = [b64decode(cipher.encrypt(PLACE, SECRET))[:28] for cipher in ciphers for _ in range(100)]
    assert len(set(heads)) == 500


def test_a_replayed_payload_is_refused() -> None:
    cipher, other = cipher_with(bytes(32)), cipher_with(bytes(32))
    payload = other.encrypt(PLACE, SECRET)
    cipher.decrypt(PLACE, payload)
    cipher.decrypt(PLACE, other.encrypt(PLACE, SECRET))
    with pytest.raises(ProtocolViolation, match="a second time"):
        cipher.decrypt(PLACE, payload)


async def test_a_stranger_who_listens_and_notifies_reads_no_input_and_forges_no_claim(
    postgres_url: str, tables: asyncpg.Connection[asyncpg.Record]
) -> None:
    sender, receiver = PostgresAdapter(postgres_url, StoreOptions()), PostgresAdapter(postgres_url, StoreOptions())
    heard: asyncio.Queue[list[Claim]] = asyncio.Queue()
    overheard: asyncio.Queue[str] = asyncio.Queue()
    await sender.open()
    await receiver.open()
    try:
        from_, to = [
            await adapter.membership.join("n", ["service"], 1, listener(heard)) for adapter in (sender, receiver)
        ]
        await receiver.membership.heartbeat(0, full=False)
        channel = process_channel("saga", to)
        await tables.add_listener(channel, lambda *event: overheard.put_nowait(event[3]))

        await tell(sender, from_, to, claim())
        assert [told.input for told in await asyncio.wait_for(heard.get(), 10)] == [SECRET]
        payload = await asyncio.wait_for(overheard.get(), 10)
        assert "4242" not in payload

        forger = cipher_with(b"\1" * 32)
        for forged in (payload, "w" + forger.encrypt("w" + channel, b"[]"), "w" + payload[1:-8], "w", "wAAAA"):
            await tables.execute("select pg_notify($1, $2)", channel, forged)
        await tell(sender, from_, to, replace(claim(), number=2))
        assert [told.number for told in await asyncio.wait_for(heard.get(), 10)] == [2]
        assert heard.empty()
    finally:
        await sender.close()
        await receiver.close()


async def tell(sender: PostgresAdapter, process: int, to: int, told: Claim) -> None:
    notifications = Notifications(claim_refs={to: [CommandRef(told.saga, told.step)]}, claims={to: [told]})
    await sender.store.commit([], notifications, process=process, durable=False, wait=False)


def listener(heard: asyncio.Queue[list[Claim]]) -> ProcessListener:
    def ignored(*_: object) -> None: ...

    return ProcessListener(
        on_claim_refs=ignored,
        on_claims=heard.put_nowait,
        on_queue=ignored,
        on_ended=ignored,
        on_peers_changed=ignored,
        on_session_lost=ignored,
    )


def claim(saga: UUID | None = None) -> Claim:
    state = State(Phase.RUNNING, "D", rollback_requested=False, paused=False, deadline=None, reason=None)
    return Claim(
        saga=saga or uuid4(), step=0, operation=Operation.EXECUTE, number=1, definition=1, version=1, state=state,
        waiter=None, input=SECRET, results={}, deliveries=1, failures=0, first_failed_ago=0.0, lease_ends=0.0, quiet_at=0.0,
        progress=None, store_clock=0.0,
    )  # fmt: skip
