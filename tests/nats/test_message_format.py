"""Messages of the bus as messages of NATS: nothing is lost on the way, and what strangers write does no harm."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saga.ports.bus import Message
from saga_nats.message_format import pack, stream_of, unpack

NAMES: Final = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,20}", fullmatch=True)
VALUES: Final = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)


@settings(max_examples=25)
@given(key=st.binary(max_size=40), body=st.binary(max_size=20), headers=st.dictionaries(NAMES, VALUES, max_size=4))
def test_a_message_comes_back_unchanged(key: bytes, body: bytes, headers: dict[str, str]) -> None:
    packed = pack(Message("saga.shop.stock", key, body, headers), "id")

    assert unpack("saga.shop.stock", body, packed) == Message("saga.shop.stock", key, body, headers)
    assert all(value.isascii() and value == value.strip() for value in packed.values())


def test_a_header_that_others_read_is_not_encoded() -> None:
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"

    assert pack(Message("t", b"", b"", {"traceparent": trace}), "id")["traceparent"] == trace


@pytest.mark.parametrize(
    "headers",
    [None, {}, {"Nats-Msg-Id": "1"}, {"Saga-Key": "no base64"}, {"Saga-Key": "=", "BAD NAME": "1"}, {"Status": "503"}],
)
def test_headers_of_strangers_are_left_out(headers: dict[str, str] | None) -> None:
    assert unpack("t", b"body", headers) == Message("t", b"", b"body")


def test_a_value_of_a_stranger_may_be_encoded_wrongly() -> None:
    assert unpack("t", b"", {"ce_id": "%zz%ff"}).headers == {"ce_id": "%zz\ufffd"}


def test_a_stream_is_named_like_its_subject() -> None:
    assert stream_of("saga.shop.stock_1") == "saga-shop-stock_1"
