"""The sources of settings: saga.yaml and the environment. Neither accepts a word that is not a setting in silence."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

from saga.errors import UsageError
from saga.yaml_guard import parsed_yaml

PREFIX: Final = "SAGA_"
CONFIG_VARIABLE: Final = "SAGA_CONFIG"
CONFIG_DEFAULT: Final = "saga.yaml"
SERVERS: Final = ("bus", "also_consume", "election")
"""The settings that name servers, beside the store."""
_NO_SETTING: Final = re.compile(r"SAGA_(CONFIG|REWRITE|TEST_\w+)")
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
            raise UsageError(f"{path}: {'; '.join(unknown)}")
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


def is_memory(url: SecretStr | str) -> bool:
    """Tells whether this is the URL of something in memory."""
    text = url.get_secret_value() if isinstance(url, SecretStr) else url
    return text.lower().startswith(_MEMORY)


def unknown_setting(name: str, settings: type[BaseSettings]) -> str:
    """Says that there is no setting of this name, and which one may be meant."""
    meant = name.lower().replace("-", "_").removeprefix(PREFIX.lower())
    close = difflib.get_close_matches(meant, settings.model_fields, n=1)
    return f"there is no setting {name[:80]!r}{_meant(close)}"


def unknown_variables(settings: type[BaseSettings]) -> Iterator[str]:
    """Says of each variable of the environment that looks like a setting and is none, which one may be meant."""
    known = [f"{PREFIX}{name.upper()}" for name in settings.model_fields]
    for name in map(str.upper, os.environ):
        is_ours = name.startswith(PREFIX) and not _OF_KUBERNETES.fullmatch(name)
        if is_ours and name not in known and not _NO_SETTING.fullmatch(name):
            close = difflib.get_close_matches(name, known, n=1)
            yield f"the environment variable {name} is not a setting{_meant(close)}"


def _meant(close: list[str]) -> str:
    return f" (did you mean {close[0]}?)" if close else ""


def _beside_memory(given: Given, stronger: Given) -> Given:
    """Drops the servers that a weaker source names, where a stronger one says that the store is in memory.

    A test that passes `store="memory://..."` means this process alone, whatever the shell or the file has for production.
    """
    if not is_memory(stronger.get("store") or ""):
        return given
    return {name: value for name, value in given.items() if name not in SERVERS}
