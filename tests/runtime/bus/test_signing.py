"""Signed commands: forged, stale and redirected ones are refused, counted, and logged once a minute."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Final
from uuid import UUID

import pytest
import structlog

from saga.core.state.operation import Operation
from saga.errors import ProtocolViolation, UsageError
from saga.ports.bus import Message
from saga.runtime.bus.refusals import LOG_SECONDS, Refusals
from saga.runtime.bus.signing import EARLY_SECONDS_MAX, KID, SECRET_CHARS_MIN, SIGNATURE, KeyRing, Refused
from saga.runtime.bus.wire import NoCommand, WireCommand, decode
from saga.testing.clocks.hand_clock import HandClock

SAGA: Final = UUID("0197c2a4-6b1c-7f0b-9d0a-73616761696b")
COMMAND: Final = WireCommand(SAGA, 1, Operation.EXECUTE, "ab" * 32, "cd" * 32)
EMPTY: Final = Message("saga.saga.payments", SAGA.bytes, b"", {"ce_type": "saga.command.execute"})
OLD, NEW, OWN = ("old=" + "o" * 40, "new=" + "n" * 40, "payments:own=" + "p" * 40)
NOW: Final = 1_795_269_000.0
LIFETIME_SECONDS: Final = 900.0
MUTATIONS: Final = 10_000


def ring(*keys: str) -> KeyRing:
    return KeyRing.read(" ".join(keys), LIFETIME_SECONDS)


def signed(*keys: str, message: Message = EMPTY, now: float = NOW) -> Message:
    return ring(*keys).signed(COMMAND, message, "payments", now)


def refusal(message: Message, *keys: str, now: float = NOW, service: str = "payments") -> str:
    with pytest.raises(Refused) as caught:
        ring(*keys).verified(message, service, now)
    return caught.value.reason


def test_a_signed_command_contains_its_topic_and_its_period() -> None:
    command = ring(NEW).verified(signed(NEW), "payments", NOW)

    assert command == replace(COMMAND, topic=EMPTY.topic, issued=int(NOW), expires=int(NOW + LIFETIME_SECONDS))


def test_a_build_that_does_not_sign_reads_a_signed_command() -> None:
    assert decode(signed(NEW)).delivery == COMMAND.delivery


def test_the_first_key_signs_and_all_are_accepted() -> None:
    message = signed(NEW, OLD)

    assert message.headers[KID] == "new"
    assert ring(OLD, NEW).verified(message, "payments", NOW).saga == SAGA


def test_a_command_without_a_signature_is_refused() -> None:
    bare = replace(signed(NEW), headers={})

    assert refusal(bare, NEW) == "unsigned"
    assert refusal(replace(bare, headers={KID: "new"}), NEW) == "unsigned"
    assert refusal(replace(bare, headers={SIGNATURE: "0" * 64}), NEW) == "unsigned"


def test_a_command_under_an_unknown_key_is_refused() -> None:
    assert refusal(signed(OLD), NEW) == "unknown key"


def test_a_command_under_a_key_of_the_right_name_and_another_secret_is_refused() -> None:
    assert refusal(signed("new=" + "x" * 40), NEW) == "forged"


def test_a_command_that_is_replayed_to_another_topic_is_refused() -> None:
    assert refusal(replace(signed(NEW), topic="saga.saga.refunds"), NEW, service="refunds") == "other topic"


def test_a_command_is_refused_from_the_second_on_in_which_it_expires() -> None:
    message = signed(NEW)

    assert ring(NEW).verified(message, "payments", NOW + LIFETIME_SECONDS - 1).saga == SAGA
    assert refusal(message, NEW, now=NOW + LIFETIME_SECONDS) == "expired"


def test_a_command_from_the_future_is_refused() -> None:
    message = signed(NEW, now=NOW + EARLY_SECONDS_MAX)

    assert ring(NEW).verified(message, "payments", NOW).saga == SAGA
    assert refusal(message, NEW, now=NOW - 1) == "early"


def test_a_service_with_a_key_of_its_own_accepts_no_other() -> None:
    assert refusal(signed(NEW), NEW, OWN) == "unknown key"
    assert ring(NEW, OWN).verified(signed(NEW, OWN), "payments", NOW).saga == SAGA
    assert ring(NEW).signed(COMMAND, EMPTY, "inventory", NOW).headers[KID] == "new"


def test_a_process_without_the_key_of_a_service_cannot_command_it() -> None:
    with pytest.raises(UsageError, match="no key for commands to inventory"):
        ring(OWN).signed(COMMAND, EMPTY, "inventory", NOW)


def test_a_signed_body_that_is_not_a_command_is_refused() -> None:
    key_ring = ring(NEW)
    strange = key_ring.signed(replace(COMMAND, step=-1), EMPTY, "payments", NOW)

    with pytest.raises(NoCommand):
        key_ring.verified(strange, "payments", NOW)


def test_none_of_ten_thousand_mutated_commands_is_accepted() -> None:
    chance, key_ring, tried = random.Random(20), ring(NEW, OLD), Counter[str]()  # noqa: S311 (has to come again)
    sent = [key_ring.signed(replace(COMMAND, step=step), EMPTY, "payments", NOW) for step in range(20)]
    while tried.total() < MUTATIONS:
        mutate = chance.choice(MUTATORS)
        original = chance.choice(sent)
        mutant = mutate(original, chance)
        if mutant == original:
            continue
        with pytest.raises(ProtocolViolation):
            key_ring.verified(mutant, "payments", NOW)
        tried[mutate.__name__] += 1

    assert tried.total() == MUTATIONS
    assert min(tried.values()) > MUTATIONS / len(MUTATORS) / 2


def flipped_body(message: Message, chance: random.Random) -> Message:
    return replace(message, body=_flipped(message.body, chance))


def cut_body(message: Message, chance: random.Random) -> Message:
    return replace(message, body=message.body[: chance.randrange(len(message.body))])


def longer_body(message: Message, chance: random.Random) -> Message:
    place = chance.randrange(len(message.body) + 1)
    return replace(message, body=message.body[:place] + chance.choice([b" ", b"\n", b"0", b"}"]) + message.body[place:])


def changed_field(message: Message, chance: random.Random) -> Message:
    document = json.loads(message.body)
    name = chance.choice([*document, "new"])
    document[name] = chance.choice([0, 1, "E", "C", "", None, str(UUID(int=chance.getrandbits(128))), 2**52, "ab" * 32])
    return replace(message, body=json.dumps(document).encode())


def other_key(message: Message, chance: random.Random) -> Message:
    return replace(message, key=_flipped(message.key, chance))


def other_topic(message: Message, chance: random.Random) -> Message:
    return replace(message, topic=message.topic + chance.choice("abc"))


def other_kid(message: Message, chance: random.Random) -> Message:
    kid = chance.choice(["old", "", "NEW", "new ", "n" * 100, "\ud800"])
    return replace(message, headers={**message.headers, KID: kid})


def other_signature(message: Message, chance: random.Random) -> Message:
    signature = message.headers[SIGNATURE]
    place = chance.randrange(len(signature))
    digit = chance.choice("0123456789abcdefABCDEF\ud800é")
    return replace(message, headers={**message.headers, SIGNATURE: signature[:place] + digit + signature[place + 1 :]})


def _flipped(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ (1 << chance.randrange(8))]) + data[place + 1 :]


MUTATORS: Final[list[Callable[[Message, random.Random], Message]]] = [
    flipped_body, cut_body, longer_body, changed_field, other_key, other_topic, other_kid, other_signature,
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1 to 64 keys"),
        ("hunter2hunter2hunter2hunter2hunter2", "key 1"),
        ("a=" + "s" * (SECRET_CHARS_MIN - 1), "fewer than 32"),
        (f"{NEW} {NEW}", "one name"),
        ("UPPER=" + "s" * 40, "key 1"),
        (f"{NEW} Shop:a={'s' * 40}", "key 2"),
        (" ".join(f"k{number}={'s' * 40}" for number in range(65)), "1 to 64 keys"),
    ],
)
def test_a_key_ring_that_cannot_be_parsed_is_refused_without_showing_it(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        KeyRing.read(text, LIFETIME_SECONDS)

    assert "hunter2" not in str(caught.value)
    assert "sss" not in str(caught.value)


def test_a_key_ring_shows_no_secret() -> None:
    assert "nnn" not in repr(ring(NEW)._keys)


async def test_refusals_are_counted_and_logged_once_a_minute() -> None:
    clock = HandClock(0.0)
    with structlog.testing.capture_logs() as lines:
        refusals = Refusals(clock)
        for _ in range(3):
            refusals.add("forged", "saga.saga.payments", "first")
        await clock.advance(LOG_SECONDS - 1)
        refusals.add("expired", "saga.saga.payments", "second")
        assert len(lines) == 1
        await clock.advance(1)
        refusals.add("forged", "saga.saga.payments", "third")

    assert refusals.counts == {"forged": 4, "expired": 1}
    assert [line["counts"] for line in lines] == [{"forged": 1}, {"forged": 3, "expired": 1}]
