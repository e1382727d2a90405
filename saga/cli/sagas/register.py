"""`saga register`: registers definitions from YAML or JSON files. No code of a service is imported: contracts are in the store."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from saga.authoring import Definition
from saga.cli.exit_codes import DONE
from saga.cli.log_setup import log_for_people
from saga.cli.options import FROM_SETTINGS, Json, StoreOptions
from saga.cli.output import print_json, say
from saga.cli.store import opened_store
from saga.client import store_definition
from saga.core.check.finding import refuse_errors
from saga.errors import UsageError
from saga.loops import run
from saga.ports.adapter import StoreAdapter
from saga.settings import Settings


def register(
    *files: Annotated[str, Parameter(required=True, allow_leading_hyphen=True)],
    check: Annotated[bool, Parameter(negative=())] = False,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    activate: bool = True,
    json: Json = False,
    store: StoreOptions = FROM_SETTINGS,
) -> int:
    """Register definitions from YAML or JSON files, checked against the contracts that the services have published.

    All files are checked before the first definition is registered. Errors name the file, the line and the column.

    Parameters
    ----------
    files
        Files of one definition each; - reads standard input.
    check
        Only check them.
    overwrite
        Replace a version that has another graph, if none of its sagas is under way.
    activate
        Let a start by name use these versions from now on.
    """
    settings = store.settings()
    log_for_people(settings)
    definitions = [_read(name) for name in files]
    done = run(_register(settings, definitions, is_check=check, overwrite=overwrite, activate=activate))
    if json:
        print_json(done)
    else:
        for one in done:
            say("\n".join([*one["warnings"], f"{one['definition']} v{one['version']} {one['outcome']}"]))
    return DONE


def _read(name: str) -> Definition:
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}") from None
    return Definition.from_yaml(data, file="standard input" if name == "-" else name)


async def _register(
    settings: Settings, definitions: list[Definition], *, is_check: bool, overwrite: bool, activate: bool
) -> list[dict[str, Any]]:
    async with opened_store(settings) as adapter:
        warnings = [await _warnings(adapter, definition) for definition in definitions]
        if not is_check:
            for definition in definitions:
                await store_definition(adapter.directory, definition, activate=activate, overwrite=overwrite)
    return [
        {
            "definition": definition.name,
            "version": definition.version,
            "outcome": "fits its contracts" if is_check else "is registered",
            "warnings": found,
        }
        for definition, found in zip(definitions, warnings, strict=True)
    ]


async def _warnings(adapter: StoreAdapter, definition: Definition) -> list[str]:
    """The findings that do not keep the definition from being registered. Raises DefinitionError: there are others."""
    findings = definition.findings(await adapter.directory.contracts())
    refuse_errors(f"definition {definition} cannot be accepted", findings)
    return [str(finding) for finding in findings]
