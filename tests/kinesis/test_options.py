"""What the URL of a Kinesis bus says, and that its secrets stay there."""

from __future__ import annotations

from dataclasses import fields

import pytest

from saga.errors import MissingDriver, UsageError
from saga_kinesis.options import _EXPECTED, _READERS, Options, parse

LEASES = "leases=postgresql://somebody:geheim@db/saga"


def test_defaults_are_safe() -> None:
    options = parse(f"kinesis://eu-central-1?{LEASES}")

    assert (options.region, options.endpoint_url, options.access_key) == ("eu-central-1", "", "")
    assert not options.create
    assert options.retention == 24 * 3600
    assert options.poll == 0.25  # four of the five reads a second that Kinesis allows
    assert options.lease == 10


def test_credentials_and_endpoint_come_from_the_url() -> None:
    options = parse(f"kinesis://key:s%2Fcret@us-east-1?endpoint_url=http://127.0.0.1:4566&create=yes&{LEASES}")

    assert (options.access_key, options.secret_key) == ("key", "s/cret")
    assert options.place == "kinesis at 127.0.0.1:4566"
    assert options.create


def test_leases_are_beside_the_saga_tables_unless_the_url_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGA_STORE", "postgresql://store/saga")
    monkeypatch.setenv("LEASES", "postgresql://leases/saga")

    assert parse("kinesis://eu-central-1").leases == "postgresql://store/saga"
    assert parse("kinesis://eu-central-1?leases=$LEASES").leases == "postgresql://leases/saga"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("kinesis://?x=1", "kinesis://REGION"),
        ("kinesis://localhost:4566", "kinesis://REGION"),
        (f"kinesis://r?shard=4&{LEASES}", "no parameter 'shard'; there are ca, create"),
        (f"kinesis://r?shards=none&{LEASES}", "a number from 1 to"),
        (f"kinesis://r?shards=0&{LEASES}", "a number from 1 to"),
        (f"kinesis://r?poll=fast&{LEASES}", "a duration"),
        (f"kinesis://r?create=perhaps&{LEASES}", "yes or no"),
        (f"kinesis://r?retention=1h&{LEASES}", "24h to 8760h"),
        (f"kinesis://r?prefix=a/b&{LEASES}", "letters, digits"),
        (f"kinesis://r?poll=1s&poll=2s&{LEASES}", "twice"),
        (f"kinesis://r?poll&{LEASES}", "name=value"),
        (f"kinesis://r?poll=2s&idle=1s&{LEASES}", "no longer than the next"),
        (f"kinesis://r?lease=10ms&{LEASES}", "at least 1s"),
        (f"kinesis://key@r?{LEASES}", "one half of the credentials"),
        (f"kinesis://r?endpoint_url=localhost&{LEASES}", "http:// or https://"),
        (f"kinesis://r?endpoint_url=http://elsewhere:4566&{LEASES}", "without TLS"),
        ("kinesis://r?leases=mysql://somebody:geheim@db", "leases=postgresql://"),
        ("kinesis://r?leases=$NOWHERE", "NOWHERE"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(url: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAGA_STORE", raising=False)

    with pytest.raises(UsageError) as refused:
        parse(url)

    assert sentence in str(refused.value)
    assert "geheim" not in str(refused.value)
    assert not isinstance(refused.value, MissingDriver)


def test_no_secret_is_shown() -> None:
    options = parse("kinesis://somebody:geheim@r?leases=postgresql://x:geheim@db/saga")

    assert "geheim" not in repr(options)
    assert "geheim" not in options.place


def test_every_parameter_can_be_said_and_says_what_it_expects() -> None:
    assert set(_READERS) == {one.name for one in fields(Options)} - {"region", "access_key", "secret_key"}
    assert set(_EXPECTED) == set(_READERS)
