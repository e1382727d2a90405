"""Settings of a process: from saga.yaml, the environment (SAGA_*) and the program, in this order. Later ones win."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    YamlConfigSettingsSource,
)

from saga.core.duration import duration_ms
from saga.errors import SagaError, UsageError
from saga.ports.url.adapter_url import split
from saga.yaml_guard import parsed_yaml

CONFIG_VARIABLE: Final = "SAGA_CONFIG"
CONFIG_DEFAULT: Final = "saga.yaml"
LOOPBACK: Final = "127.0.0.1"
PORT_MAX: Final = 65_535


def _seconds(value: Any) -> float:
    try:
        return (
            duration_ms(float(value) if isinstance(value, str) and value.replace(".", "", 1).isdigit() else value)
            / 1000
        )
    except SagaError as error:
        raise ValueError(str(error)) from error


def _url(value: SecretStr) -> SecretStr:
    """Refuses a URL of which a later error message might show a piece of the password."""
    try:
        split(value.get_secret_value())
    except UsageError as error:
        raise ValueError(str(error)) from None
    return value


def _http_address(value: Any) -> str:
    host, colon, port = str(value).rpartition(":")
    if not colon:
        host = LOOPBACK
    if not host or not port.isascii() or not port.isdigit() or int(port) > PORT_MAX:
        raise ValueError(
            "not an address: write host:port, 127.0.0.1:9464 for this machine only, 0.0.0.0:9464 for all interfaces"
        )
    return f"{host}:{port}"


HttpAddress = Annotated[str, BeforeValidator(_http_address)]
Url = Annotated[SecretStr, AfterValidator(_url)]
Seconds = Annotated[float, BeforeValidator(_seconds)]


class _GuardedYaml(YamlConfigSettingsSource):
    def _read_file(self, file_path: Any) -> dict[str, Any]:
        return parsed_yaml(file_path.read_bytes(), str(file_path))


class Settings(BaseSettings):
    """Every setting except the store has a default. Durations are written as "10s", "2m", "1d" or seconds."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix="SAGA_", env_nested_delimiter="__", extra="ignore"
    )

    store: Url = Field(
        default=SecretStr(""), description="URL of the saga store, e.g. postgresql://user:password@host/database"
    )
    bus: Url | None = Field(default=None, description="URL of the bus; without one, commands travel through the store")
    also_consume: list[Url] = Field(
        default=[], description="URLs of more buses to read from, while an installation moves from one to another"
    )
    signing: SecretStr | None = Field(
        default=None,
        description="keys for commands on a bus, `KID=SECRET` separated by spaces: the first signs, all verify; none: unsigned",
    )
    signature_lifetime: Seconds = Field(default=900.0, ge=1, description="how long a signed command is valid")
    election: Url | None = Field(default=None, description="URL of the election; without one, the store elects")
    namespace: str = Field(default="saga", description="schema of the tables and prefix of the topics")
    lease: Seconds = Field(default=30.0, ge=2, description="how long a claim holds without renewal")
    margin: Seconds = Field(
        default=5.0, ge=0, description="how much later than its timeout an external call may still arrive"
    )
    redrive: Seconds = Field(default=30.0, ge=1, description="how often a saga without progress is redriven")
    drain: Seconds = Field(default=10.0, ge=0, description="how long running steps may continue after SIGTERM")
    connections: int = Field(default=6, ge=2, le=100, description="connections for the framework's own statements")
    handler_connections: int = Field(
        default=10, ge=1, le=200, description="connections for handlers of transactional and journaled steps"
    )
    local_socket: bool = Field(
        default=True,
        description="notify processes of the same machine and user over a Unix socket; false: only through the store",
    )
    scan: Seconds = Field(default=1.0, gt=0, description="supervisor: how often it looks for overdue sagas")
    outage_grace: Seconds = Field(
        default=10.0, gt=0, description="supervisor: a longer outage of the supervisor extends deadlines"
    )
    retention: Seconds = Field(default=30 * 86_400.0, gt=0, description="supervisor: how long finished sagas are kept")
    history: Seconds = Field(
        default=30 * 86_400.0, gt=0, description="supervisor: how long the history of sagas is kept"
    )
    http: HttpAddress | None = Field(
        default=None,
        description="host:port of /livez, /readyz and /metrics, e.g. 127.0.0.1:9464; a port alone listens on loopback; none: no endpoint",
    )
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="auto: console on a terminal, else JSON"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="steps are logged at debug, sagas at info"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (pydantic-settings calls it with all four)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        path = os.environ.get(CONFIG_VARIABLE, CONFIG_DEFAULT)
        return init_settings, env_settings, _GuardedYaml(settings_cls, yaml_file=path)


class NoStore(UsageError):
    """The settings do not name a store."""


def load(**overrides: Any) -> Settings:
    """Reads the settings. Arguments that are not None override the other sources.

    Raises:
        NoStore: no store is configured.
        UsageError: settings have invalid values; the message names all of them.
    """
    path = os.environ.get(CONFIG_VARIABLE)
    if path is not None and not Path(path).exists():
        raise UsageError(f"{CONFIG_VARIABLE} names {path}, which does not exist")
    try:
        settings = Settings(**{name: value for name, value in overrides.items() if value is not None})
    except SettingsError as error:  # a list in the environment that is not JSON
        raise UsageError(f"settings cannot be read: {error}") from None
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, detail['loc']))}: {detail['msg'].removeprefix('Value error, ')}"
            for detail in error.errors()
        ]
        raise UsageError("settings cannot be read: " + "; ".join(lines)) from None
    if not settings.store.get_secret_value():
        raise NoStore(
            "no store is configured: pass connect(store=...), or set SAGA_STORE or `store:` in saga.yaml (a postgresql:// URL)"
        )
    return settings
