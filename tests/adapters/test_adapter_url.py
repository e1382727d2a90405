"""The parts and the typed options of an adapter's URL."""

from __future__ import annotations

import pytest

from saga.errors import UsageError
from saga.ports.url.adapter_url import AdapterUrl
from saga.ports.url.option import Option, choice, duration, file_path, flag, identifier, number, text, whole_number

COPIES = whole_number("copies", 3, low=1, high=9)
OPTIONS = (COPIES, flag("create"), text("note"))


def value(option: Option[object], given: str) -> object:
    return AdapterUrl.read(f"pigeon://loft?{option.name}={given}", [option]).value(option)


def test_a_url_has_credentials_servers_and_a_path() -> None:
    url = AdapterUrl.read("pigeon+ssl://al%40ice:s%2Fecret@a,b:2,[::1]/loft?copies=2", OPTIONS)

    assert (url.scheme, url.user, url.password, url.path) == ("pigeon+ssl", "al@ice", "s/ecret", "/loft")
    assert url.servers(7) == ("a:7", "b:2", "[::1]:7")
    assert url.value(COPIES) == 2


def test_an_option_that_is_not_given_has_its_default() -> None:
    url = AdapterUrl.read("pigeon://loft", OPTIONS)

    assert url.value(COPIES) == 3
    assert not url.has(COPIES)


@pytest.mark.parametrize(
    ("option", "given", "expected"),
    [
        (flag("f"), "yes", True),
        (flag("f", default=True), "0", False),
        (whole_number("n", 1, low=0, high=10), "10", 10),
        (number("n", 1.0, low=0.5, high=2.5), "2.5", 2.5),
        (duration("d", 0), "1h30m", 5_400_000),
        (choice("c", "a", "a", "b"), "b", "b"),
        (identifier("i", chars_max=3), "a-1", "a-1"),
        (text("t"), "any%20text", "any text"),
        (file_path("p"), "/tls/ca.pem", "/tls/ca.pem"),
    ],
)
def test_an_option_is_read_as_its_type(option: Option[object], given: str, expected: object) -> None:
    assert value(option, given) == expected


@pytest.mark.parametrize(
    ("option", "given", "expected"),
    [
        (flag("f"), "perhaps", "f must be 1 or 0, yes or no, true or false"),
        (
            whole_number("n", 1, low=0, high=10, unit="seconds"),
            "11",
            "n must be a whole number of seconds from 0 to 10",
        ),
        (number("n", 1.0, low=0.5, high=2.5), "nan", "n must be a number from 0.5 to 2.5"),
        (duration("d", 0, low_ms=1_000, high_ms=60_000), "10", "d must be a duration from 1s to 1m"),
        (duration("d", 0), "soon", 'd must be a duration, such as "200ms", "10s" or "7d"'),
        (choice("c", "a", "a", "b"), "", "c must be one of a, b"),
        (identifier("i", chars_max=3), "a/b", "i must be at most 3 letters (a-z), digits, _, . and -"),
    ],
)
def test_a_wrong_value_is_refused_with_what_it_must_be(option: Option[object], given: str, expected: str) -> None:
    with pytest.raises(UsageError) as refused:
        value(option, given)

    assert f"pigeon://loft: option {expected}" in str(refused.value)


def test_the_last_value_of_a_repeated_option_counts_unless_the_url_is_strict() -> None:
    repeated = "pigeon://loft?copies=1&copies=2"

    assert AdapterUrl.read(repeated, OPTIONS).value(COPIES) == 2
    with pytest.raises(UsageError, match="copies is given twice"):
        AdapterUrl.read(repeated, OPTIONS, is_strict=True)


def test_an_option_of_a_strict_url_has_a_value() -> None:
    assert AdapterUrl.read("pigeon://loft?note", OPTIONS).has(OPTIONS[2])
    with pytest.raises(UsageError, match="name=value"):
        AdapterUrl.read("pigeon://loft?note", OPTIONS, is_strict=True)


def test_a_path_without_a_meaning_is_refused_with_the_way_out() -> None:
    AdapterUrl.read("pigeon://loft/", OPTIONS).check_no_path("use ?note=")
    with pytest.raises(UsageError, match=r"pigeon://loft: .* use \?note="):
        AdapterUrl.read("pigeon://loft/x", OPTIONS).check_no_path("use ?note=")


def test_a_message_shows_the_host_only_if_it_cannot_be_a_piece_of_a_password() -> None:
    assert AdapterUrl.read("pigeon://u:p@loft:1", OPTIONS).place == "pigeon://***@loft:1"
    assert AdapterUrl.read("pigeon://u:12/34@loft", OPTIONS).place == "pigeon://..."


def test_no_representation_shows_credentials() -> None:
    assert "s3cret" not in repr(AdapterUrl.read("pigeon://u:s3cret@loft?note=s3cret", OPTIONS))
