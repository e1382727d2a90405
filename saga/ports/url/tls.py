"""The TLS files of a URL: `?ca=file&cert=file&key=file`."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Final, Self

from saga.errors import UsageError
from saga.ports.url.adapter_url import AdapterUrl
from saga.ports.url.option import file_path

CA: Final = file_path("ca")
CERT: Final = file_path("cert")
KEY: Final = file_path("key")
TLS_OPTIONS: Final = (CA, CERT, KEY)
_LOOPBACK: Final = ("localhost", "127.", "[::1]")


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: the authority to trust instead of the system's, and a certificate of the client with its key. Each may be empty."""

    ca: str = ""
    cert: str = ""
    key: str = ""

    @classmethod
    def read(cls, url: AdapterUrl, *, tls_scheme: str) -> Self:
        """The files of a URL. Raises UsageError: a file without TLS, or only one of certificate and key."""
        files = cls(url.value(CA), url.value(CERT), url.value(KEY))
        if files != cls() and url.scheme != tls_scheme:
            raise url.refusal(f"ca, cert and key are options of TLS: use {tls_scheme}://")
        if bool(files.cert) != bool(files.key):
            raise url.refusal("cert and key go together: give both, or neither")
        return files

    def context(self, place: str) -> ssl.SSLContext:
        """A context for a client, which checks certificate and host name of the server. Raises UsageError if a file cannot be used."""
        try:
            context = ssl.create_default_context(cafile=self.ca or None)
            if self.cert and self.key:
                context.load_cert_chain(self.cert, self.key)
        except OSError as error:
            files = ", ".join(name for name in (self.ca, self.cert, self.key) if name)
            raise UsageError(f"{place}: cannot use the TLS files ({files}): {error}") from error
        return context


def are_on_this_machine(servers: tuple[str, ...]) -> bool:
    """Tells whether nothing that is sent to these servers, each as host:port, leaves this machine."""
    return all(server.startswith(_LOOPBACK) for server in servers)
