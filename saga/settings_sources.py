"""The sources of settings: saga.yaml and the environment. What is not a setting is refused in the file and logged in the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

from saga.core.nearest import with_nearest
from saga.errors import UsageError
from saga.yaml_guard import parsed_yaml

PREFIX: Final = "SAGA_"
CONFIG_VARIABLE: Final = "SAGA_CONFIG"
CONFIG_DEFAULT: Final = "saga.yaml"
SERVERS: Final = ("bus", "also_consume", "election")
"""The settings that name servers, beside the store."""
_OTHER_VARIABLES: Final = re.compile(r"SAGA_(CONFIG|REWRITE|TEST_\w+)")
"""Variables of Saga that are not settings."""
_OF_KUBERNETES: Final = re.compile(r"\w+_(SERVICE_HOST|SERVICE_PORT|PORT)(_\w+)?")
"""Kubernetes sets these for a service whose name begins with `saga`."""
_MEMORY: Final = "memory://"

Given = dict[str, Any]  # by the name of the setting


class OfEnvironment(EnvSettingsSource):
    """`SAGA_*`."""

    def __call__(self) -> Given:
        return _beside_memory(super().__call__(), self.current_state)


class OfFile(PydanticBaseSettingsSource):
    """`saga.yaml` in the working folder, or the file that `SAGA_CONFIG` names."""

    def get_field_value(self, field: object, field_name: str) -> tuple[None, str, bool]:  # noqa: ARG002
        """Returns nothing: the file is read as a whole."""
        return None, field_name, False

    def __call__(self) -> Given:
        path = config_path()
        if path is None:
            return {}
        given, known = parsed_yaml(path.read_bytes(), str(path)), self.settings_cls.model_fields
        if unknown := [unknown_setting(name, self.settings_cls) for name in given if name not in known]:
            raise UsageError(f"{path}: " + "\n".join(unknown))
        return _beside_memory(given, self.current_state)


def config_path() -> Path | None:
    """The file with settings, or None.

    Raises:
        UsageError: `SAGA_CONFIG` names something that is not a file.
    """
    named = os.environ.get(CONFIG_VARIABLE)
    path = Path(named or CONFIG_DEFAULT).expanduser()
    if path.exists() and not path.is_dir():
        return path
    if named:
        raise UsageError(
            f"{CONFIG_VARIABLE} names {path}, which {'is a folder' if path.is_dir() else 'does not exist'}"
        )
    return None


def is_memory(url: object) -> bool:
    """Tells whether this is the URL of something in memory. What is not a text is refused later, with the name of its setting."""
    text = url.get_secret_value() if isinstance(url, SecretStr) else url
    return isinstance(text, str) and text.lower().startswith(_MEMORY)


def unknown_setting(name: str, settings: type[BaseSettings]) -> str:
    """Says that there is no setting of this name, and which one may be meant."""
    meant = name.lower().replace("-", "_").removeprefix(PREFIX.lower())
    return with_nearest(f"there is no setting {name[:80]!r}", meant, settings.model_fields)


def unknown_variables(settings: type[BaseSettings]) -> Iterator[str]:
    """Names each variable of the environment that looks like a setting and is not one, with the one that may be meant."""
    known = [f"{PREFIX}{name.upper()}" for name in settings.model_fields]
    for name in map(str.upper, os.environ):
        is_ours = name.startswith(PREFIX) and not _OF_KUBERNETES.fullmatch(name)
        if is_ours and name not in known and not _OTHER_VARIABLES.fullmatch(name):
            yield with_nearest(f"the environment variable {name} is not a setting", name, known)


def _beside_memory(given: Given, stronger: Given) -> Given:
    """Drops the servers that a weaker source names, where a stronger one says that the store is in memory.

    A test that passes `store="memory://..."` must not reach the servers that the shell or the file has for production.
    """
    if not is_memory(stronger.get("store")):
        return given
    return {name: value for name, value in given.items() if name not in SERVERS}
