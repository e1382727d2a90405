"""Settings of a process: from saga.yaml, the environment (SAGA_*) and the program, in this order. Later ones win."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from saga.core.duration import duration_ms
from saga.errors import SagaError, UsageError
from saga.logger import get_logger
from saga.ports.url.adapter_url import PORT_MAX, split
from saga.settings_sources import (
    SERVERS,
    OfEnvironment,
    OfFile,
    is_memory,
    unknown_setting,
    unknown_variables,
)

LOOPBACK: Final = "127.0.0.1"


def _seconds(value: Any) -> float:
    try:
        return (
            duration_ms(float(value) if isinstance(value, str) and value.replace(".", "", 1).isdigit() else value)
            / 1000
        )
    except SagaError as error:
        raise ValueError(str(error)) from error


def _url(value: SecretStr) -> SecretStr:
    """Removes white space around a URL, such as the end of a line in a file. Refuses one that cannot be split."""
    url = value.get_secret_value().strip()
    try:
        split(url)
    except UsageError as error:
        raise ValueError(str(error)) from None
    return SecretStr(url)


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


class Settings(BaseSettings):
    """Every setting except the store has a default. Durations are written as "10s", "2m", "1d" or seconds."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix="SAGA_", env_nested_delimiter="__", env_ignore_empty=True, extra="forbid"
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
    connections: int = Field(
        default=6,
        ge=2,
        le=100,
        description="connections for the framework's own statements, beside the one of its membership",
    )
    handler_connections: int = Field(
        default=10, ge=1, le=200, description="connections for handlers of transactional and journaled steps"
    )
    local_socket: bool = Field(
        default=True,
        description="notify processes of the same machine and user over a Unix socket; false: only through the store",
    )
    scan: Seconds = Field(default=1.0, gt=0, description="supervisor: how often it looks for overdue sagas")
    outage_grace: Seconds = Field(
        default=10.0, gt=0, description="supervisor: a longer outage of the supervisor extends deadlines and timeouts"
    )
    retention: Seconds = Field(default=30 * 86_400.0, gt=0, description="supervisor: how long finished sagas are kept")
    history: Seconds = Field(
        default=30 * 86_400.0, gt=0, description="supervisor: how long the history of sagas is kept"
    )
    http: HttpAddress | None = Field(
        default=None,
        description="host:port of /livez, /readyz and /metrics, e.g. 127.0.0.1:9464; a port alone listens on loopback; none: no endpoint",
    )
    api: HttpAddress = Field(
        default=f"{LOOPBACK}:7420",
        description="host:port of the API: of `saga api`, of `saga dev` and of `saga supervisor --api`",
    )
    grpc: HttpAddress | None = Field(
        default=None,
        description="host:port of the gRPC API, beside `api`, e.g. 127.0.0.1:8081; none: it is not served",
    )
    grpc_reflection: bool = Field(
        default=False, description="describe the gRPC API to clients that have no protos, such as grpcurl"
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
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (pydantic-settings calls it with all four)
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, OfEnvironment(settings_cls), OfFile(settings_cls)

    @model_validator(mode="after")
    def _check_memory(self) -> Self:
        """A memory store is in one process, and no server can reach it."""
        for name in SERVERS if is_memory(self.store) else ():
            given = getattr(self, name)
            if any(not is_memory(url) for url in (given if isinstance(given, list) else [given]) if url is not None):
                raise ValueError(
                    f"{name} names a server, but the store is memory://, which only this process sees: "
                    f"leave out {name}, or use a postgresql:// store"
                )
        return self


class NoStore(UsageError):
    """The settings do not name a store."""


def load(**overrides: Any) -> Settings:
    """Reads the settings. Arguments that are not None override the other sources. Unknown names in the environment are logged.

    Raises:
        NoStore: no store is configured.
        UsageError: settings are unknown or have invalid values; the message names all of them.
    """
    try:
        settings = Settings(**{name: value for name, value in overrides.items() if value is not None})
    except SettingsError as error:  # a list in the environment that is not JSON
        what = str(error).partition(" from source ")[0]
        raise UsageError(f'settings cannot be read: {what}; a list is written as JSON: ["kafka://host:9092"]') from None
    except ValidationError as error:
        lines = [_problem(detail) for detail in error.errors()]
        raise UsageError("settings cannot be read: " + "\n".join(lines)) from None
    for unknown in unknown_variables(Settings):
        get_logger("saga").warning(unknown)
    if not settings.store.get_secret_value():
        raise NoStore(
            "no store is configured: pass connect(store=...), or set SAGA_STORE or `store:` in saga.yaml (a postgresql:// URL)"
        )
    return settings


def _problem(detail: ErrorDetails) -> str:
    place = ".".join(map(str, detail["loc"]))
    if detail["type"] == "extra_forbidden":
        return unknown_setting(place, Settings)
    reason = detail["msg"].removeprefix("Value error, ")
    return f"{place}: {reason}" if place else reason
