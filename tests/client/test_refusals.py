"""Answers that are not those of a good start: each is an error that says whose fault it is."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import saga
from saga import errors
from saga.api.problems import KINDS, problem_of
from saga.client.remote import http
from saga.client.remote.refusals import ERRORS, refusal_of
from tests.client.scripted_server import ME, answer, scripted

PLAN = {"digest": "3f2a"}
TOKEN = "saga_one_two"  # noqa: S105 (opens nothing)


def test_every_kind_of_problem_is_an_error() -> None:
    assert ERRORS.keys() == KINDS.keys()


@pytest.mark.parametrize(
    ("error", "comes_as"),
    [
        (errors.UsageError("it"), errors.UsageError),
        (errors.InputRefused("it"), errors.InputRefused),
        (errors.DefinitionError("it", ("a", "b")), errors.DefinitionError),
        (errors.NotFound("it"), errors.NotFound),
        (errors.AlreadyExists("it"), errors.Conflict),
        (errors.Conflict("it"), errors.Conflict),
        (errors.PlanChanged("it", dict[str, object](PLAN)), errors.PlanChanged),
        (errors.StaleToken("it"), errors.StaleToken),
        (errors.ServerFailed("it"), errors.Unavailable),
        (errors.SchemaMismatch("it"), errors.Unavailable),
        (TimeoutError("it"), errors.Unavailable),
    ],
)
def test_an_error_of_the_store_comes_through_the_api(error: Exception, comes_as: type[Exception]) -> None:
    sent = problem_of(error).response()

    found = refusal_of(httpx.Response(sent.status_code, content=bytes(sent.body)), "the API")

    assert (type(found), str(found)) == (comes_as, "it")
    assert getattr(found, "findings", None) == getattr(error, "findings", None)
    assert getattr(found, "plan", None) == getattr(error, "plan", None)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (answer(200, "<html>sign in</html>", kind="text/html"), saga.UsageError),
        (answer(200, []), saga.UsageError),
        (answer(302, "", "Location: http://127.0.0.1:9/"), saga.UsageError),
        (answer(404, "no such page", kind="text/plain"), saga.UsageError),
        (answer(404, {"type": "/problems/not-found", "detail": "there is no such path"}), saga.UsageError),
        (answer(403, "the proxy says no", kind="text/plain"), saga.AccessRefused),
        (answer(500, {"type": "/problems/internal", "detail": "a bug"}), errors.ServerFailed),
        (answer(507, {"type": "/problems/new", "detail": "a newer build"}), saga.Unavailable),
        (b"", saga.Unavailable),
        (b"nonsense\r\n\r\n", saga.Unavailable),
    ],
)
async def test_what_is_not_the_api_is_named(
    said: bytes, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    if error is saga.Unavailable:  # the others are raised at once
        monkeypatch.setattr("saga.client.remote.sagas.CONNECT_SECONDS", 0.3)
    async with scripted(said) as server:
        with pytest.raises(error):
            async with saga.connect(api=server.link, token=TOKEN):
                pass

    assert set(server.requests) <= {"GET /v1/me"}


async def test_an_api_that_cannot_answer_now_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "PAUSE_CAP_SECONDS", 0.01)
    busy = answer(503, {"type": "/problems/unavailable", "detail": "later"}, "Retry-After: 0")
    limited = answer(429, {"type": "/problems/too-many", "detail": "later"}, "Retry-After: soon")
    async with (
        scripted(busy, limited, answer(502, "bad gateway"), b"", answer(200, ME)) as server,
        saga.connect(api=f"{server.link}/saga/", token=TOKEN),
    ):
        pass

    assert server.requests == ["GET /saga/v1/me"] * 5


async def test_the_time_that_the_api_asks_for_is_kept_or_ends_the_request() -> None:
    async with scripted(
        answer(503, {"type": "/problems/unavailable", "detail": "at noon"}, "Retry-After: 600")
    ) as server:
        with pytest.raises(saga.Unavailable, match="at noon"):
            async with saga.connect(api=server.link):
                pass

    assert len(server.requests) == 1


async def test_a_certificate_that_is_not_trusted_is_named(tmp_path: Path) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(self_signed(tmp_path))
    async with scripted(answer(200, ME), tls=tls) as server:
        with pytest.raises(saga.UsageError, match=r"certificate .* is not trusted here: self-signed"):
            async with saga.connect(api=server.link):
                pass


def self_signed(folder: Path) -> Path:
    """A key and a certificate of 127.0.0.1 in one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    place = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1))
    certificate = made.add_extension(place, critical=False).sign(key, hashes.SHA256())
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path = folder / "key-and-certificate.pem"
    path.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize(
    "given",
    [
        {"api": "saga.example.com"},
        {"api": "ftp://saga.example.com"},
        {"api": "https://"},
        {"api": "https://saga.example.com:0"},
        {"api": "https://saga.example.com:many"},
        {"api": "https://ann:hunter2@saga.example.com"},
        {"api": "https://saga.example.com?token=hunter2"},
        {"api": "https://saga.example.com", "token": ""},
        {"api": "https://saga.example.com", "token": "hunter2\r\nHost: evil"},
        {"api": "https://saga.example.com", "store": "memory://both"},
        {"token": "hunter2"},
    ],
)
async def test_wrong_arguments_are_named_without_secrets(given: dict[str, str]) -> None:
    with pytest.raises(saga.UsageError) as refused:
        async with saga.connect(**given):
            pass

    assert "hunter2" not in str(refused.value)
