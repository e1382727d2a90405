"""The client of the payment service provider."""

import logging
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import httpx

TIMEOUT_SECONDS = 10.0

# One line a call at INFO, beside the one that Saga writes for the step.
logging.getLogger("httpx").setLevel(logging.WARNING)


class Declined(Exception):
    """The provider refused the charge, for good; no money moved."""


class PspUnavailable(Exception):
    """The provider gave no definite answer: the money may or may not have moved."""


class PspMisused(Exception):
    """The provider did not accept the call as such; repeating it will not help."""


class Psp:
    """Charge and refund at one provider.

    Every call carries an idempotency key: the provider executes a key once and
    gives every later call under it the same answer.
    """

    def __init__(self, url: str, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._http = httpx.AsyncClient(
            base_url=url,
            timeout=TIMEOUT_SECONDS,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
            transport=transport,
        )

    async def charge(self, *, reference: str, card: str, cents: int, idempotency_key: str) -> str:
        """Charge the card and return the charge's id.

        Raises:
            Declined: definite; no money moved.
            PspUnavailable: unknown outcome; ask again under the same key.
            PspMisused: the call itself is wrong.
        """
        body = {"reference": reference, "card": card, "cents": cents}
        return await self._post("/charges", body, idempotency_key)

    async def refund(self, charge_id: str, *, idempotency_key: str) -> str:
        """Refund the whole charge and return the refund's id.

        Raises:
            PspUnavailable: unknown outcome; ask again under the same key.
            PspMisused: there is no such charge.
        """
        return await self._post("/refunds", {"charge": charge_id}, idempotency_key)

    async def aclose(self) -> None:
        """Close the connections; calls on the way end without an answer."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _post(self, path: str, body: Mapping[str, object], key: str) -> str:
        try:
            response = await self._http.post(path, json=body, headers={"Idempotency-Key": key})
        except httpx.TransportError as error:
            raise PspUnavailable(f"no answer from {path}: {error!r}") from error
        if response.is_server_error:
            raise PspUnavailable(f"{path} answered {response.status_code}")
        if response.status_code == httpx.codes.PAYMENT_REQUIRED:
            raise Declined(response.text)
        if not response.is_success:
            raise PspMisused(f"{path} answered {response.status_code}: {response.text}")
        return str(response.json()["id"])
