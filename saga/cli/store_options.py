"""Which fabric a command is about: its options, then SAGA_* and saga.yaml, then a `saga dev` that runs in this folder."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Group, Parameter

from saga.errors import UsageError
from saga.settings import Settings, load

DEV_FILE: Final = Path(".saga/dev.json")
_GROUP: Final = Group("Fabric", sort_key=90)


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Where:
    """Where the sagas are.

    Attributes
    ----------
    store
        URL of the store. Better in SAGA_STORE or saga.yaml: others can see the arguments of a process.
    namespace
        Schema of the tables.
    """

    store: Annotated[str | None, Parameter(group=_GROUP)] = None
    namespace: Annotated[str | None, Parameter(group=_GROUP)] = None

    def settings(self) -> Settings:
        """Raises UsageError."""
        try:
            return load(store=self.store, namespace=self.namespace)
        except UsageError:
            dev = _dev()
            if self.store is not None or dev is None:
                raise
            return load(store=dev["store"], namespace=self.namespace or dev["namespace"])


def _dev() -> dict[str, str] | None:
    """The store of the `saga dev` that was started in this folder, if it runs."""
    try:
        document = json.loads(DEV_FILE.read_text(encoding="utf-8"))
        os.kill(document["pid"], 0)
        return {"store": document["store"], "namespace": document["namespace"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None


NOWHERE: Final = Where()
