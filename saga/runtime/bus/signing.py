"""Signed commands: HMAC-SHA256 under a ring of keys. For buses; commands that are rows of the store need no signature.

A signature covers the key and the body of a message, byte for byte. The body contains the topic, saga, step, operation, hashes of
definition and input, and the period in which the command is valid. Headers other than the two of the signature are not covered: no
participant acts on them.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Self

from saga.errors import ProtocolViolation, UsageError
from saga.ports.bus import Message
from saga.runtime.bus.wire import WireCommand, decode, encode

KEYS_MAX: Final = 64
SECRET_CHARS_MIN: Final = 32
EARLY_SECONDS_MAX: Final = 60  # how far a sender's idea of the store's clock may be ahead of ours
KID: Final = "ce_sagakid"
SIGNATURE: Final = "ce_sagasignature"
_ENTRY: Final = re.compile(r"(?:(?P<service>[a-z][a-z0-9_]{0,62}):)?(?P<kid>[a-z0-9][a-z0-9._-]{0,31})=(?P<secret>\S+)")


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a ring. With a service, it is used only for commands to that service."""

    kid: str
    secret: bytes = field(repr=False)
    service: str | None = None


class Refused(ProtocolViolation):
    """A command whose signature does not hold. `reason` is one of a few words, for counting."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class KeyRing:
    """The keys of each service: the first one signs, all verify. A service with keys of its own accepts no others."""

    def __init__(self, keys: Sequence[Key], lifetime_seconds: float) -> None:
        self._keys = keys
        self._lifetime_seconds = lifetime_seconds
        self._rings: dict[str, Mapping[str, Key]] = {}

    @classmethod
    def read(cls, text: str, lifetime_seconds: float) -> Self:
        """Parses a setting: `KID=SECRET` or `SERVICE:KID=SECRET`, separated by spaces, the newest first.

        Raises:
            UsageError: it cannot be parsed; the message contains no secret.
        """
        keys: list[Key] = []
        for number, word in enumerate(text.split(), 1):
            match = _ENTRY.fullmatch(word)
            if match is None:
                raise UsageError(f"key {number} of the ring is not KID=SECRET or SERVICE:KID=SECRET")
            if len(match["secret"]) < SECRET_CHARS_MIN:
                raise UsageError(f"key {match['kid']} has fewer than {SECRET_CHARS_MIN} characters: make one at random")
            keys.append(Key(match["kid"], match["secret"].encode(errors="surrogatepass"), match["service"]))
        names = [(key.service, key.kid) for key in keys]
        if len(set(names)) < len(names):
            raise UsageError("two keys of the ring have one name")
        if not 1 <= len(keys) <= KEYS_MAX:
            raise UsageError(f"a ring has 1 to {KEYS_MAX} keys, not {len(keys)}")
        return cls(keys, lifetime_seconds)

    def signed(self, command: WireCommand, message: Message, service: str, now: float) -> Message:
        """The message with the signed fields in its body and the signature in its headers.

        Raises:
            UsageError: the ring has no key for the service.
        """
        key = next(iter(self._ring(service).values()), None)
        if key is None:
            raise UsageError(f"the ring has no key for commands to {service}")
        issued = int(now)
        full = replace(
            command, topic=message.topic, issued=issued, expires=issued + max(int(self._lifetime_seconds), 1)
        )
        body = encode(full)
        signature = {KID: key.kid, SIGNATURE: _signature(key, message.key, body)}
        return replace(message, body=body, headers={**message.headers, **signature})

    def verified(self, message: Message, service: str, now: float) -> WireCommand:
        """The command of a message that was signed for this topic, and is valid now.

        Raises:
            Refused: the reason is one of: unsigned, unknown key, forged, other topic, early, expired.
            NoCommand: the signature is right, but the body is not a command.
        """
        kid, signature = message.headers.get(KID, ""), message.headers.get(SIGNATURE, "")
        if not kid or not signature:
            raise Refused("unsigned", "the command has no signature")
        key = self._ring(service).get(kid)
        if key is None:
            raise Refused("unknown key", f"the command is signed with the key {kid[:32]!a}, which is not in the ring")
        expected = _signature(key, message.key, message.body)
        if not hmac.compare_digest(signature.encode(errors="surrogatepass"), expected.encode()):
            raise Refused("forged", f"the signature under the key {kid} is wrong")
        command = decode(message)
        if command.topic != message.topic:
            raise Refused("other topic", f"the command was signed for the topic {command.topic[:80]!a}")
        if command.issued > now + EARLY_SECONDS_MAX:
            raise Refused("early", f"the command was signed {command.issued - now:.0f} s ahead of the store's clock")
        if command.expires <= now:
            raise Refused("expired", f"the command expired {now - command.expires:.0f} s ago")
        return command

    def _ring(self, service: str) -> Mapping[str, Key]:
        ring = self._rings.get(service)
        if ring is None:
            own = {key.kid: key for key in self._keys if key.service == service}
            ring = own or {key.kid: key for key in self._keys if key.service is None}
            self._rings[service] = ring
        return ring


def _signature(key: Key, message_key: bytes, body: bytes) -> str:
    mac = hmac.new(key.secret, digestmod="sha256")
    for part in (b"saga command 1", key.kid.encode(), message_key):
        mac.update(len(part).to_bytes(4) + part)
    mac.update(body)
    return mac.hexdigest()
