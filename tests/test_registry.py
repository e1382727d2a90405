"""URL schemes and the distributions that offer adapters for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from saga import registry
from saga.errors import Conflict, MissingDriver, UnknownScheme
from saga.memory.bus import MemoryBus
from saga.ports.adapter import StoreOptions

SECRET = "hunter2"  # noqa: S105 (a canary)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the import path, into which tests install distributions."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def install(site: Path, name: str, entry_point: str, *, extras: tuple[str, ...] = (), module: str = "") -> None:
    folder = site / f"{name.replace('-', '_')}-1.0.dist-info"
    folder.mkdir()
    offered = "".join(f"Provides-Extra: {extra}\n" for extra in extras)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{offered}")
    (folder / "entry_points.txt").write_text(f"[saga.bus]\n{entry_point}\n")
    if module:
        (site / f"{entry_point.split('=')[1].split(':', maxsplit=1)[0].strip()}.py").write_text(module)


def test_a_scheme_opens_the_adapter_that_is_registered_for_it() -> None:
    assert isinstance(registry.open_bus("memory://registry", "saga"), MemoryBus)


def test_a_scheme_is_read_in_any_case() -> None:
    assert isinstance(registry.open_bus("MEMORY://registry", "saga"), MemoryBus)


def test_every_port_has_an_adapter_in_memory() -> None:
    groups = (registry.STORE, registry.BUS, registry.ELECTION)

    assert all("memory" in registry.schemes(group) for group in groups)


def test_another_distribution_can_offer_a_scheme_of_its_own(site: Path) -> None:
    install(site, "pigeons", "pigeon = pigeons:open_bus", module="def open_bus(url, namespace): return url, namespace")

    assert registry.open_bus("pigeon://loft", "shop") == ("pigeon://loft", "shop")  # type: ignore[comparison-overlap]


def test_an_unknown_scheme_lists_what_is_installed() -> None:
    with pytest.raises(UnknownScheme, match=r"carrier://.* Installed for saga\.bus: .*memory://,.* postgres"):
        registry.open_bus("carrier://loft", "saga")


def test_an_sqlalchemy_scheme_is_refused_with_the_scheme_to_write() -> None:
    with pytest.raises(UnknownScheme, match=r"Write postgresql://"):
        registry.open_store("postgresql+asyncpg://localhost/saga", StoreOptions())


def test_a_text_without_a_scheme_is_refused() -> None:
    with pytest.raises(UnknownScheme, match=r"the store URL does not begin with scheme://.*memory://"):
        registry.open_store("localhost/saga", StoreOptions())


def test_the_message_of_a_missing_driver_has_the_line_that_installs_it(site: Path) -> None:
    install(site, "pigeons", "pigeon = saga_pigeon:open_bus", extras=("pigeon",), module="import feathers")

    with pytest.raises(MissingDriver, match=r"library feathers.*pip install 'pigeons\[pigeon\]'"):
        registry.open_bus("pigeon://loft", "saga")


def test_a_driver_is_found_in_the_extra_of_the_adapters_name(site: Path) -> None:
    install(site, "pigeons", "homing = saga_pigeon2:open_bus", extras=("pigeon2",), module="import feathers")

    with pytest.raises(MissingDriver, match=r"pip install 'pigeons\[pigeon2\]'"):
        registry.open_bus("homing://loft", "saga")


def test_a_driver_without_an_extra_comes_with_the_distribution(site: Path) -> None:
    install(site, "pigeons", "pigeon = pigeons3:open_bus", module="import feathers")

    with pytest.raises(MissingDriver, match=r"pip install 'pigeons'"):
        registry.open_bus("pigeon://loft", "saga")


def test_a_missing_adapter_is_not_reported_as_a_missing_driver(site: Path) -> None:
    install(site, "pigeons", "pigeon = pigeons4:open_bus")

    with pytest.raises(ModuleNotFoundError, match="pigeons4"):
        registry.open_bus("pigeon://loft", "saga")


def test_two_distributions_on_one_scheme_are_an_error(site: Path) -> None:
    install(site, "pigeons", "pigeon = pigeons:open_bus")
    install(site, "doves", "pigeon = doves:open_bus")

    with pytest.raises(Conflict, match=r"doves and pigeons both offer a bus for pigeon://"):
        registry.open_bus("pigeon://loft", "saga")


@pytest.mark.parametrize("url", [f"carrier://me:{SECRET}@loft", f"me:{SECRET}@loft", f"{SECRET}@x://loft", SECRET])
def test_no_message_shows_a_password(url: str) -> None:
    with pytest.raises(UnknownScheme) as caught:
        registry.open_bus(url, "saga")

    assert SECRET not in str(caught.value)
