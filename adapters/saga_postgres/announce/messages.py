"""The NOTIFY messages of a commit: a channel and a payload each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from saga.ports.values.notification import Notifications
from saga_postgres.announce.channels import process_channel, service_channel
from saga_postgres.announce.encryption import MessageCipher
from saga_postgres.announce.payloads import claim_payloads, claim_ref_payloads, ended_payloads, status_payloads
from saga_postgres.array_literals import array_literals

Message = tuple[str, str]  # channel and payload
IF_WRITTEN: Final = "w"
IF_CONFLICT: Final = "m"
"""n_when of `commit_batch`: the whole batch was written, or a part of it was not."""


def inline_messages(notifications: Notifications, namespace: str, cipher: MessageCipher) -> list[Message]:
    """Returns the messages of a commit whose writes were all made."""
    messages: list[Message] = []
    for process, refs in notifications.claim_refs.items():
        channel, claims = process_channel(namespace, process), notifications.claims.get(process, ())
        if len(refs) > len(claims):
            inline = {(claim.saga, claim.step) for claim in claims}
            messages += _addressed(
                channel, claim_ref_payloads([ref for ref in refs if (ref.saga, ref.step) not in inline])
            )
        if claims:
            messages += _addressed(channel, claim_payloads(claims, channel, cipher))
    for process, sagas in notifications.ended.items():
        channel, statuses = process_channel(namespace, process), notifications.statuses.get(process, {})
        if len(sagas) > len(statuses):
            messages += _addressed(channel, ended_payloads([saga for saga in sagas if saga not in statuses]))
        if statuses:
            messages += _addressed(channel, status_payloads(statuses, channel, cipher))
    return messages + _queue_messages(notifications, namespace)


def reference_messages(notifications: Notifications, namespace: str) -> list[Message]:
    """Returns the messages of a commit with a write conflict, or of unknown outcome: they refer to claims that may not exist."""
    messages: list[Message] = []
    for process, refs in notifications.claim_refs.items():
        messages += _addressed(process_channel(namespace, process), claim_ref_payloads(refs))
    for process, sagas in notifications.ended.items():
        messages += _addressed(process_channel(namespace, process), ended_payloads(sagas))
    return messages + _queue_messages(notifications, namespace)


def message_columns(notifications: Notifications, namespace: str, cipher: MessageCipher) -> list[str]:
    """n_channel, n_payload and n_when of `commit_batch`. None needs escaping: channels are names, payloads a letter and base64."""
    rows = [
        *_rows(inline_messages(notifications, namespace, cipher), IF_WRITTEN),
        *_rows(reference_messages(notifications, namespace), IF_CONFLICT),
    ]
    return array_literals(rows, 3)


def _rows(messages: Sequence[Message], when: str) -> Iterator[tuple[str, str, str]]:
    return ((f'"{channel}"', f'"{payload}"', when) for channel, payload in messages)


def _queue_messages(notifications: Notifications, namespace: str) -> list[Message]:
    return [(service_channel(namespace, service), "") for service in notifications.services]


def _addressed(channel: str, payloads: Sequence[str]) -> list[Message]:
    return [(channel, payload) for payload in payloads]
