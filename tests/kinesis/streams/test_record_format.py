"""Messages become records and back; records of other programs are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga.errors import InputRefused, ProtocolViolation
from saga.ports.bus import Message
from saga_kinesis.record_format import KEY_BYTES_MAX, pack, partition_key, unpack

NAMES = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,20}", fullmatch=True)
VALUES = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=50)


@given(st.binary(max_size=100), st.binary(max_size=300), st.dictionaries(NAMES, VALUES, max_size=5))
def test_a_message_is_unpacked_as_it_was_packed(key: bytes, body: bytes, headers: dict[str, str]) -> None:
    message = Message("topic", key, body, headers)

    assert unpack("topic", pack(message)).message == message


def test_a_record_has_the_number_of_a_parcel_instead_of_the_body() -> None:
    envelope = unpack("topic", pack(Message("topic", b"k", b"too large", {"a": "b"}), parcel=2**40))

    assert envelope.parcel == 2**40
    assert envelope.message == Message("topic", b"k", b"", {"a": "b"})


@given(st.binary(max_size=60))
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    try:
        envelope = unpack("topic", data)
    except ProtocolViolation:
        return
    assert envelope.message.topic == "topic"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        b"\x03\x00\x00\x00\x00\x00\x02{}body",
        b"\x01\xff\xffkey",
        b"\x01\x00\x00\xff\xff\xff\xff{}",
        b"\x01\x00\x00\x00\x00\x00\x02[]",
        b'\x01\x00\x00\x00\x00\x00\x07{"a":1}',
        b'\x01\x00\x00\x00\x00\x00\x0a{"A":"b"} ',
        b"\x01\x00\x00\x00\x00\x00\x02\xff\xfe",
        b"\x02\x00\x00\x00\x00\x00\x02{}1234567",
        b"\xf3\x89\x9a\xc2aggregated by somebody else's library",
    ],
)
def test_a_record_of_another_program_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        unpack("topic", data)


def test_a_key_that_is_too_long_is_refused() -> None:
    with pytest.raises(InputRefused, match="1024"):
        pack(Message("topic", b"k" * (KEY_BYTES_MAX + 1), b""))


def test_any_key_makes_a_partition_key_that_kinesis_takes() -> None:
    assert {len(partition_key(Message("t", key, b""))) for key in (b"", b"\xff\x00", b"k" * 1000)} == {32}
