"""Options that commands share: which store they use, and `--json`."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Group, Parameter

from saga.errors import UsageError
from saga.settings import NoStore, Settings, load

Json = Annotated[bool, Parameter(name="--json", negative=(), help="Print JSON.")]
SagaReference = Annotated[str, Parameter(help="The id of the saga, or DEFINITION:KEY.")]
Since = Annotated[
    str | None,
    Parameter(help='Only sagas that started within this time ("10m", "1d") or after this moment ("2026-01-31 12:00").'),
]

DEV_FILE: Final = Path(".saga/dev.json")
_GROUP: Final = Group("Store", sort_key=90)


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class StoreOptions:
    """The store that a command uses: from its options, else from SAGA_* and saga.yaml, else of the `saga dev` in this folder.

    Attributes
    ----------
    store
        URL of the store. Prefer SAGA_STORE or saga.yaml: other users can see the arguments of a process.
    namespace
        Schema of the tables.
    """

    store: Annotated[str | None, Parameter(group=_GROUP)] = None
    namespace: Annotated[str | None, Parameter(group=_GROUP)] = None

    def settings(self, **more: object) -> Settings:
        """Reads the settings, of which options give `more`. Raises UsageError."""
        try:
            return load(store=self.store, namespace=self.namespace, **more)
        except UsageError as error:
            dev = _running_dev()
            if self.store is None and dev is not None:
                return load(store=dev["store"], namespace=self.namespace or dev["namespace"], **more)
            if isinstance(error, NoStore):
                raise UsageError(_no_store()) from None
            raise


FROM_SETTINGS: Final = StoreOptions()


def _running_dev() -> dict[str, Any] | None:
    """The store of the `saga dev` that was started in this folder, if it is running."""
    try:
        document = json.loads(DEV_FILE.read_text(encoding="utf-8"))
        os.kill(document["pid"], 0)
        return {"store": document["store"], "namespace": document["namespace"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _no_store() -> str:
    dev = "run `saga dev` in this folder"
    if DEV_FILE.parent.is_dir():
        dev += " (it ran here and has stopped)"
    return f"no store is configured: pass --store, set SAGA_STORE or `store:` in saga.yaml, or {dev}"
