"""Imports the modules that a command serves: `shop:inventory`, `shop`, `shop.py`, `services/shop.py:inventory`."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

from saga.authoring import Definition
from saga.core.check.finding import Code, Severity
from saga.core.nearest import with_nearest
from saga.errors import DefinitionError, SagaError, UsageError
from saga.runtime.handlers.participant import Participant

_NEEDS_CONTRACTS: Final = (Code.CONTRACT_MISSING, Code.COMPENSATION_MISSING, Code.CONTRACT_CHANGED, Code.NOT_RETRIABLE)


@dataclass(frozen=True, slots=True)
class Targets:
    """The participants that a command serves, and the definitions that were found in their modules."""

    participants: tuple[Participant, ...]
    definitions: tuple[Definition, ...]


def load_targets(targets: Sequence[str]) -> Targets:
    """Imports the targets. A module without a name stands for all participants in it.

    Raises:
        UsageError: a module or a participant does not exist, or there is nothing to serve.
        DefinitionError: a definition is wrong, whatever contracts will be published.
    """
    participants: dict[int, Participant] = {}
    definitions: dict[int, Definition] = {}
    for target in targets:
        module_name, _, name = target.partition(":")
        module = _module(module_name)
        definitions |= {id(found): found for found in vars(module).values() if isinstance(found, Definition)}
        for found in _participants(module, target, name):
            participants[id(found)] = found
    for definition in definitions.values():
        _check(definition)
    return Targets(tuple(participants.values()), tuple(definitions.values()))


def _participants(module: ModuleType, target: str, name: str) -> list[Participant]:
    offered = {key: value for key, value in vars(module).items() if isinstance(value, Participant)}
    if name:
        if name not in offered:
            known = ", ".join(sorted(offered)) or "none"
            reason = f"{module.__name__} has no participant called {name} (it has: {known})"
            raise UsageError(f"{target}: {with_nearest(reason, name, offered)}")
        return [offered[name]]
    if not offered:
        raise UsageError(f"{target}: {module.__name__} has no participant: write shop = Participant(...) in it")
    return list(offered.values())


def _module(name: str) -> ModuleType:
    path = Path(name)
    is_file = path.suffix == ".py"
    if is_file and not path.is_file():
        raise UsageError(f"there is no file {name}")
    folder = str(path.parent.resolve()) if is_file else str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    dotted = path.stem if is_file else name
    try:
        return importlib.import_module(dotted)
    except SagaError:
        raise
    except ModuleNotFoundError as error:
        if error.name and (dotted == error.name or dotted.startswith(f"{error.name}.")):
            raise UsageError(f"there is no module {dotted} here ({folder}) or in the environment") from error
        raise UsageError(_import_failure(dotted, error)) from error
    except Exception as error:
        raise UsageError(_import_failure(dotted, error)) from error


def _import_failure(name: str, error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"importing {name} failed at {last.filename}:{last.lineno}: {type(error).__name__}: {error}"


def _check(definition: Definition) -> None:
    """Raises what is wrong without knowing the contracts, before anything is served."""
    findings = definition.findings({})
    errors = [each for each in findings if each.severity is Severity.ERROR and each.code not in _NEEDS_CONTRACTS]
    if errors:
        lines = "".join(f"\n  {error}" for error in errors)
        raise DefinitionError(f"definition {definition} cannot be accepted:{lines}", findings)
