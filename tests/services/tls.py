"""A certificate authority for one test, and a certificate for loopback, made with openssl."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from saga_postgres.embedded.child import LOOPBACK
from tests.services.places import Missing


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files. The certificate is for server and client."""

    authority: Path
    certificate: Path
    key: Path

    @classmethod
    def made_in(cls, folder: Path) -> Self:
        if shutil.which("openssl") is None:
            raise Missing("certificates: openssl is not on PATH")
        made = cls(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
        own_key, names = folder / "ca-key.pem", f"subjectAltName=IP:{LOOPBACK},DNS:localhost"
        new = [
            "openssl",
            "req",
            "-x509",
            "-nodes",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-days",
            "2",
        ]
        _run(*new, "-subj", "/CN=test authority", "-keyout", own_key, "-out", made.authority)
        signed: list[str | Path] = [
            "-CA",
            made.authority,
            "-CAkey",
            own_key,
            "-addext",
            names,
            "-addext",
            "basicConstraints=CA:FALSE",
        ]
        _run(*new, "-subj", "/CN=root", *signed, "-keyout", made.key, "-out", made.certificate)
        return made

    def context(self) -> ssl.SSLContext:
        """A context for a client with the certificate."""
        context = ssl.create_default_context(cafile=str(self.authority))
        context.load_cert_chain(self.certificate, self.key)
        return context


def _run(*argv: str | Path) -> None:
    made = subprocess.run(argv, check=False, capture_output=True, text=True)
    if made.returncode:
        raise Missing(f"certificates: openssl failed: {made.stderr[-500:]}")
