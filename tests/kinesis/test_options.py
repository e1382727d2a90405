"""kinesis:// URLs: their options, how wrong ones are refused, and that no secret is shown."""

from __future__ import annotations

import pytest

from saga.errors import MissingDriver, UsageError
from saga.testing.suites.url import UrlSuite
from saga_kinesis.options import OPTIONS, Options

LEASES = "leases=postgresql://somebody:geheim@db/saga"


class TestKinesisUrl(UrlSuite):
    url = f"kinesis://eu-central-1?{LEASES}"
    options = OPTIONS

    def read(self, url: str) -> Options:
        return Options.read(url)


def test_defaults_are_safe() -> None:
    options = Options.read(f"kinesis://eu-central-1?{LEASES}")

    assert (options.region, options.endpoint_url, options.access_key) == ("eu-central-1", "", "")
    assert not options.create
    assert options.retention_seconds == 24 * 3600
    assert options.poll_seconds == 0.25  # four of the five reads a second that Kinesis allows
    assert options.lease_seconds == 10


def test_credentials_and_endpoint_come_from_the_url() -> None:
    options = Options.read(f"kinesis://key:s%2Fcret@us-east-1?endpoint_url=http://127.0.0.1:4566&create=yes&{LEASES}")

    assert (options.access_key, options.secret_key) == ("key", "s/cret")
    assert options.place == "kinesis at 127.0.0.1:4566"
    assert options.create


def test_leases_are_beside_the_saga_tables_unless_the_url_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGA_STORE", "postgresql://store/saga")
    monkeypatch.setenv("LEASES", "postgresql://leases/saga")

    assert Options.read("kinesis://eu-central-1").leases == "postgresql://store/saga"
    assert Options.read("kinesis://eu-central-1?leases=$LEASES").leases == "postgresql://leases/saga"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("kinesis://?shards=1", "kinesis://REGION"),
        ("kinesis://localhost:4566", "kinesis://REGION"),
        (f"kinesis://r?shard=4&{LEASES}", "unknown option shard. Did you mean shards? Known options: ca, create"),
        (f"kinesis://r?shards=none&{LEASES}", "a whole number from 1 to"),
        (f"kinesis://r?shards=0&{LEASES}", "a whole number from 1 to"),
        (f"kinesis://r?poll=fast&{LEASES}", "a duration"),
        (f"kinesis://r?create=perhaps&{LEASES}", "yes or no"),
        (f"kinesis://r?retention=1h&{LEASES}", "24h to 8760h"),
        (f"kinesis://r?prefix=a/b&{LEASES}", "letters (a-z), digits"),
        (f"kinesis://r?poll=1s&poll=2s&{LEASES}", "twice"),
        (f"kinesis://r?poll&{LEASES}", "name=value"),
        (f"kinesis://r?poll=2s&idle=1s&{LEASES}", "not longer than idle"),
        (f"kinesis://r?lease=10ms&{LEASES}", "at least 1s"),
        (f"kinesis://key@r?{LEASES}", "half of the credentials"),
        (f"kinesis://r?endpoint_url=localhost&{LEASES}", "http:// or https://"),
        (f"kinesis://r?endpoint_url=http://elsewhere:4566&{LEASES}", "without TLS"),
        ("kinesis://r?leases=mysql://somebody:geheim@db", "leases=postgresql://"),
        ("kinesis://r?leases=$NOWHERE", "NOWHERE"),
    ],
)
def test_a_wrong_url_is_refused_with_the_way_out(url: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAGA_STORE", raising=False)

    with pytest.raises(UsageError) as refused:
        Options.read(url)

    assert message in str(refused.value)
    assert "geheim" not in str(refused.value)
    assert not isinstance(refused.value, MissingDriver)


def test_no_secret_is_shown() -> None:
    options = Options.read("kinesis://somebody:geheim@r?leases=postgresql://x:geheim@db/saga")

    assert "geheim" not in repr(options)
    assert "geheim" not in options.place
