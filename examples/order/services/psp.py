"""The client of the payment service provider."""

from collections.abc import Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Self

import aiohttp
from pydantic import BaseModel

TIMEOUT_SECONDS = 10.0


class Declined(Exception):
    """The provider refused the charge, for good; no money moved."""


class PspUnavailable(Exception):
    """The provider gave no definite answer: the money may or may not have moved."""


class PspMisused(Exception):
    """The provider refused the call itself; repeating it does not help."""


class Answer(BaseModel):
    """The provider's answer to an executed call: its id."""

    id: str


class Psp:
    """Charges and refunds at one provider.

    Every call carries an idempotency key: the provider executes a key once and
    gives every later call under it the same answer.
    """

    def __init__(self, url: str) -> None:
        self._http = aiohttp.ClientSession(
            url,
            timeout=aiohttp.ClientTimeout(TIMEOUT_SECONDS),
            connector=aiohttp.TCPConnector(limit=0),  # the participant's concurrency limits the calls
        )

    async def charge(self, *, reference: str, card: str, cents: int, idempotency_key: str) -> str:
        """Charges the card and returns the id of the charge.

        Raises:
            Declined: definite; no money moved.
            PspUnavailable: unknown outcome; ask again under the same key.
            PspMisused: the call itself is wrong.
        """
        body = {"reference": reference, "card": card, "cents": cents}
        return await self._post("/charges", body, idempotency_key)

    async def refund(self, charge_id: str, *, idempotency_key: str) -> str:
        """Refunds the whole charge and returns the id of the refund.

        Raises:
            PspUnavailable: unknown outcome; ask again under the same key.
            PspMisused: there is no such charge.
        """
        return await self._post("/refunds", {"charge": charge_id}, idempotency_key)

    async def aclose(self) -> None:
        """Closes the connections; calls in progress end without an answer."""
        await self._http.close()

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
            async with self._http.post(path, json=body, headers={"Idempotency-Key": key}) as response:
                status, text = response.status, await response.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise PspUnavailable(f"no answer from {path}: {error!r}") from error
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise PspUnavailable(f"{path} answered {status}")
        if status == HTTPStatus.PAYMENT_REQUIRED:
            raise Declined(text)
        if status >= HTTPStatus.MULTIPLE_CHOICES:
            raise PspMisused(f"{path} answered {status}: {text}")
        return Answer.model_validate_json(text).id
