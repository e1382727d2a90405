"""docs/reference/settings.md, from the settings."""

from __future__ import annotations

from typing import Final, get_args

from pydantic.fields import FieldInfo

from saga.core.duration import duration_text
from saga.settings import Seconds, Settings
from tests.docs.reference.markdown import AGAIN, Row, table


def settings() -> str:
    rows = [_setting(name, field) for name, field in Settings.model_fields.items()]
    return f"""\
# Settings

Generated from `saga.settings.Settings`. {AGAIN}

A setting is read from `saga.yaml` in the working folder (or the file that `SAGA_CONFIG` names), then from the environment
(`SAGA_*`), then from the arguments of the program or of the command line. The last one wins. Durations are written as `"10s"`,
`"2m"`, `"1h30m"`, `"1d"`, or as a number of seconds. One `saga.yaml` serves every process; secrets come from the environment.

A word in `saga.yaml` that is not a setting is refused. A variable of the environment that begins with `SAGA_` and is not a setting is
logged as a warning. An empty variable counts as not set.

A `memory://` store belongs to one process, and no server can use it. If the program or the command names it, `bus`, `also_consume`
and `election` of the environment and of `saga.yaml` are not used, so that a test is not connected to the bus of the shell it runs in.
If one source names both a `memory://` store and a server, that is refused.

{table(("Setting", "In the environment", "Default", "Meaning"), rows)}
"""


def _setting(name: str, field: FieldInfo) -> Row:
    return f"`{name}`", f"`SAGA_{name.upper()}`", _default(field), f"{field.description or ''}{_bounds(field)}"


def _default(field: FieldInfo) -> str:
    value = field.get_default()
    text = value.get_secret_value() if hasattr(value, "get_secret_value") else value
    if text is None or text in ("", []):
        return "needed" if text == "" else "none"
    return f"`{duration_text(round(text * 1000))}`" if _is_duration(field) else f"`{text}`"


def _is_duration(field: FieldInfo) -> bool:
    return field.annotation is float and set(get_args(Seconds)[1:]) <= set(field.metadata)


def _bounds(field: FieldInfo) -> str:
    said = [(word, getattr(m, name)) for m in field.metadata for name, word in _BOUNDS.items() if hasattr(m, name)]
    shown = ", ".join(f"{word} {_bound(field, value)}" for word, value in said)
    choices = [value for value in get_args(field.annotation) if isinstance(value, str)]
    more = [shown] if shown else []
    more += [f"one of {', '.join(f'`{choice}`' for choice in choices)}"] if choices else []
    return f" ({'; '.join(more)})" if more else ""


_BOUNDS: Final = {"ge": "at least", "gt": "above", "le": "at most"}


def _bound(field: FieldInfo, value: float) -> str:
    return duration_text(round(value * 1000)) if _is_duration(field) else str(value)
