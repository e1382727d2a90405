"""Finds the adapter of a URL by its scheme, among the entry points of the installed distributions.

An adapter has an entry point in the group of its port. Its name is the scheme, its object a function:

    saga.store      open_store(url: str, options: StoreOptions) -> StoreAdapter
    saga.bus        open_bus(url: str, namespace: str) -> Bus
    saga.journal    open_journal(url: str, connections_max: int, application: str) -> Journal
    saga.election   open_election(url: str, namespace: str) -> Election
    saga.doctor     open_doctor(url: str, namespace: str) -> BusDoctor, for a bus whose topics an operator creates

No message contains more of a URL than its scheme: the rest may contain a password.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from saga.errors import Conflict, MissingDriver, UnknownScheme, UsageError
from saga.ports.adapter import StoreAdapter, StoreOptions
from saga.ports.bus import Bus
from saga.ports.bus_doctor import BusDoctor
from saga.ports.election import Election
from saga.ports.journal import Journal
from saga.ports.url.adapter_url import split

STORE: Final = "saga.store"
BUS: Final = "saga.bus"
ELECTION: Final = "saga.election"
JOURNAL: Final = "saga.journal"
DOCTOR: Final = "saga.doctor"

_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*)://", re.ASCII | re.IGNORECASE)


def open_store(url: str, options: StoreOptions) -> StoreAdapter:
    """The store behind a URL, not connected yet. Raises UnknownScheme, MissingDriver, Conflict."""
    opener: Callable[[str, StoreOptions], StoreAdapter] = _opener(STORE, url)
    with _naming(STORE):
        return opener(url, options)


def open_bus(url: str, namespace: str) -> Bus:
    """The bus behind a URL, not connected yet. Raises UnknownScheme, MissingDriver, Conflict."""
    opener: Callable[[str, str], Bus] = _opener(BUS, url)
    with _naming(BUS):
        return opener(url, namespace)


def open_doctor(url: str, namespace: str) -> BusDoctor | None:
    """The doctor, which creates and examines the topics of a bus; None if the bus needs none. Raises the same as `open_bus`."""
    _opener(BUS, url)
    if not entry_points(group=DOCTOR, name=_scheme(DOCTOR, url)):
        return None
    opener: Callable[[str, str], BusDoctor] = _opener(DOCTOR, url)
    return opener(url, namespace)


def open_election(url: str, namespace: str) -> Election:
    """The election behind a URL, not connected yet. Raises UnknownScheme, MissingDriver, Conflict."""
    opener: Callable[[str, str], Election] = _opener(ELECTION, url)
    with _naming(ELECTION):
        return opener(url, namespace)


def open_journal(url: str, connections_max: int, application: str) -> Journal:
    """The journal in a service's own database, not connected yet. Raises UnknownScheme, MissingDriver, Conflict."""
    opener: Callable[[str, int, str], Journal] = _opener(JOURNAL, url)
    return opener(url, connections_max, application)


def check_scheme(group: str, url: str) -> None:
    """Returns if an installed adapter opens this URL. Raises UnknownScheme, Conflict."""
    _only_entry(group, _scheme(group, url))


@contextmanager
def _naming(group: str) -> Iterator[None]:
    """Errors about a URL name the port that it is for, as the setting does."""
    try:
        yield
    except UsageError as error:
        raise type(error)(f"{_port(group)}: {error}") from error


def schemes(group: str) -> list[str]:
    """The schemes that installed distributions offer for a port."""
    return sorted({entry.name for entry in entry_points(group=group)})


def _opener(group: str, url: str) -> Any:
    entry = _only_entry(group, _scheme(group, url))
    try:
        return entry.load()
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == entry.module.partition(".")[0]:
            raise
        raise MissingDriver(
            f"{entry.name}:// needs the library {error.name}, which is not installed. Run: pip install '{_remedy(entry)}'"
        ) from error


def _scheme(group: str, url: str) -> str:
    match = _SCHEME.match(url)
    if match is None:
        raise UnknownScheme(f"the {_port(group)} URL does not begin with scheme://. {_offer(group)}")
    split(url)
    return match[1].lower()


def _only_entry(group: str, scheme: str) -> EntryPoint:
    entries = {_distribution(entry): entry for entry in entry_points(group=group, name=scheme)}
    if not entries:
        raise UnknownScheme(f"no installed {_port(group)} adapter opens {scheme}:// URLs. {_hint(group, scheme)}")
    if len(entries) > 1:
        names = " and ".join(sorted(entries))
        raise Conflict(f"{names} both offer a {_port(group)} for {scheme}:// URLs: uninstall one of them")
    return next(iter(entries.values()))


def _hint(group: str, scheme: str) -> str:
    """SQLAlchemy names the driver in the scheme; an adapter has one of its own."""
    dialect, plus, _ = scheme.partition("+")
    if plus and dialect in schemes(group):
        return f"Write {dialect}://..., without the driver"
    return _offer(group)


def _port(group: str) -> str:
    return group.removeprefix("saga.")


def _offer(group: str) -> str:
    offered = ", ".join(f"{scheme}://" for scheme in schemes(group))
    return f"Installed for {group}: {offered or 'nothing'}"


def _remedy(entry: EntryPoint) -> str:
    """The package to install for the driver: the extra named as the scheme or the adapter, else the distribution itself."""
    extras = [] if entry.dist is None else entry.dist.metadata.get_all("Provides-Extra") or []
    wanted = (entry.name, entry.module.partition(".")[0].removeprefix("saga_"))
    extra = next((name for name in wanted if name in extras), None)
    return _distribution(entry) if extra is None else f"{_distribution(entry)}[{extra}]"


def _distribution(entry: EntryPoint) -> str:
    return "an unnamed distribution" if entry.dist is None else entry.dist.name
