"""`saga token`: a token is shown once, listed without its secret, and revoked."""

from __future__ import annotations

import json

import pytest

from saga.ports.access.tokens import NAME_CHARS_MAX
from tests.cli.conftest import Command


def test_a_token_is_created_listed_and_revoked(command: Command, store: str) -> None:
    created = command("token", "create", "ann", "--role", "operator", "--expires", "90d", "--store", store)
    text = created.out.strip()
    listed = command("token", "ls", "--store", store)
    (line,) = json.loads(command("token", "ls", "--json", "--store", store).out)
    revoked = command("token", "revoke", line["id"], "--store", store)
    after = command("token", "ls", "--store", store)

    assert text.startswith(f"saga_{line['id']}_")
    assert (line["name"], line["role"], line["revoked_at"]) == ("ann", "operator", None)
    assert "valid until" in listed.out
    assert "revoked" in after.out
    assert revoked.out == f"revoked {line['id']}\n"
    assert text.rpartition("_")[2] not in listed.out + json.dumps(line)


def test_a_token_that_does_not_exist_cannot_be_revoked(command: Command, store: str) -> None:
    refused = command("token", "revoke", "nothing", "--store", store)

    assert refused.code == 1
    assert "saga token ls" in refused.err


@pytest.mark.parametrize("name", ["", "n" * (NAME_CHARS_MAX + 1)])
def test_a_name_that_the_audit_could_not_show_is_refused(command: Command, store: str, name: str) -> None:
    refused = command("token", "create", name, "--role", "viewer", "--store", store)
    listed = json.loads(command("token", "ls", "--json", "--store", store).out)

    assert refused.code == 2
    assert "1 to 100 characters" in refused.err
    assert listed == []
