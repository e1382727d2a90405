"""The house style, as far as a machine can check it. An exception is a line here, with its reason."""

from __future__ import annotations

import ast
import re
import statistics
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CODE = ("saga", "adapters")
EVERYTHING = (*CODE, "tests", "examples", "bench", "tools")
GENERATED = ("adapters/saga_etcd/stubs", "saga/v1")

FOLDER_MODULES_MAX = 15
MODULE_LINES_MAX = 350
TEST_MODULE_LINES_MAX = 410
MODULE_LINES_MEDIAN_MAX = 120
FUNCTION_LINES_MAX = 50
FUNCTION_LINES_P90_MAX = 16
SQL_LINES_MAX = 260
SQL_LINE_CHARACTERS_MAX = 140
IGNORES_PER_KLOC_MAX = 2
ANY_PER_KLOC_MAX = 3

NAMELESS = {"utils", "util", "common", "helpers", "helper", "base", "manager", "misc"}
LOCK_LIKE = ("pyproject.toml", "constraints.txt", "constraints-demo.txt", "Makefile", ".ci/install", ".ci/run")
ADDRESS = re.compile(r"https?://|[\w.+-]+@[\w-]+\.[a-z]{2,}", re.IGNORECASE)
MACHINE_PATH = re.compile(r"/(root|home/\w+|Users/\w+)/")

CROWDED_FOLDERS: dict[str, str] = {}
LONG_MODULES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}
SLEEPS: dict[str, str] = {
    "tests/adapters/file_bus/saga_file_bus/bus.py": "an adapter: a folder does not signal that a file has arrived",
    "tests/adapters/delivery_log.py": "publishes at a steady rate, so that there is load during a failure",
    "tests/runtime/handlers/test_cancellation.py": "a handler that waits for longer than a cancelled one may",
    "tests/runtime/handlers/test_serving.py": "a handler that waits for ever",
    "tests/runtime/handlers/test_loop_watch.py": "a handler that blocks the event loop",
    "tests/kafka/member.py": "a reader program; it pauses before it joins again",
    "tests/services/ensemble.py": "polls a starting server, which has no other signal",
    "tests/services/kinesis.py": "polls the port of a starting server, which has no other signal",
    "tests/services/kafka.py": "waits for a line in the log of a starting broker, which has no other signal",
    "tests/services/postgres.py": "polls the port of a starting server, which has no other signal",
    "tests/services/proxy.py": "delays the traffic that passes through it",
    "tests/chaos/system/customer.py": "starts sagas at a steady rate",
    "tests/chaos/faults.py": "a fault lasts for some time",
    "tests/chaos/waits/correspondent.py": "sends late, and again what was not answered",
    "tests/chaos/system/surprises.py": "a handler that hangs",
    "tests/chaos/killer.py": "kills from time to time",
    "tests/chaos/system/external_systems.py": "a fault lasts for some time",
    "tests/chaos/system/postgres.py": "fills a disk again when space was freed",
    "tests/chaos/run.py": "rests between two faults",
    "tests/bad_input/hostility.py": "handlers with odd habits, which run on virtual time, where a sleep takes no real time",
    "tests/runtime/timing/test_coarse_timers.py": "runs on virtual time, where a sleep takes no real time",
    "tests/runtime/world.py": "polls real tables, with a deadline",
    "tests/testing/harness/test_time.py": "a handler on virtual time, where a sleep takes no real time",
}
"""Path of a file (`::name` for a function) -> why it is an exception."""

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ADAPTERS = sorted(
    folder for folder in (ROOT / "adapters").iterdir() if folder.is_dir() and folder.name != "__pycache__"
)


def modules(*folders: str) -> list[Path]:
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return sorted(path for path in found if not shown(path).startswith(GENERATED))


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and length of every function of a module, without its docstring and decorators."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            has_docstring = ast.get_docstring(node) is not None
            docstring = _length(node.body[0]) if has_docstring else 0
            yield f"{shown(path)}::{node.name}", _length(node) - docstring


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def percentile(values: list[int], share: float) -> int:
    return sorted(values)[int(len(values) * share)]


def _length(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_folder_holds_too_many_modules() -> None:
    folders = Counter(shown(path.parent) for path in modules(*EVERYTHING) if path.name != "__init__.py")
    crowded = {folder: count for folder, count in folders.items() if count > FOLDER_MODULES_MAX}

    assert crowded.keys() == CROWDED_FOLDERS.keys(), crowded


def test_no_module_is_too_long() -> None:
    long = {
        shown(path): lines(path)
        for path in modules(*EVERYTHING)
        if lines(path) > (MODULE_LINES_MAX if shown(path).startswith(CODE) else TEST_MODULE_LINES_MAX)
    }

    assert long.keys() == LONG_MODULES.keys(), long


def test_the_median_module_fits_a_few_screens() -> None:
    assert statistics.median(lines(path) for path in modules(*CODE) if lines(path)) <= MODULE_LINES_MEDIAN_MAX


def test_no_imports_go_round_in_a_circle() -> None:
    """Between any two modules, imports for types only and within functions included."""
    assert list(circles(import_graph())) == []


def test_no_function_is_too_long() -> None:
    long = {
        name: length for path in modules(*EVERYTHING) for name, length in functions(path) if length > FUNCTION_LINES_MAX
    }

    assert long.keys() == LONG_FUNCTIONS.keys(), long


def test_nine_functions_of_ten_are_short() -> None:
    lengths = [length for path in modules(*CODE) for _, length in functions(path)]

    assert percentile(lengths, 0.9) <= FUNCTION_LINES_P90_MAX


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [shown(path) for path in modules(*EVERYTHING) if path.stem in NAMELESS or path.parent.name in NAMELESS] == []


def test_types_are_seldom_ignored() -> None:
    ignores = sum(path.read_text().count("# type: ignore") for path in modules(*CODE))

    assert _per_kloc(ignores) <= IGNORES_PER_KLOC_MAX


def test_any_is_rare() -> None:
    trees = [ast.parse(path.read_text()) for path in modules(*CODE)]
    uses = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "Any"]

    assert _per_kloc(len(uses)) <= ANY_PER_KLOC_MAX


def test_no_test_sleeps() -> None:
    """A test awaits a signal with a timeout, or moves a fake clock. `asyncio.sleep(0)` only lets others run.

    Simulations run on virtual time, where a sleep takes no real time.
    """
    simulation = ROOT / "tests" / "simulation"
    sleeps = {shown(path) for path in modules("tests") if any(_sleeps(path)) and not path.is_relative_to(simulation)}

    assert sleeps == SLEEPS.keys()


def test_no_test_mocks() -> None:
    mocking = re.compile(r"^\s*(from|import) (unittest\.mock|mock|pytest_mock)\b", re.MULTILINE)

    assert [shown(path) for path in modules("tests") if mocking.search(path.read_text())] == []


@pytest.mark.parametrize("name", LOCK_LIKE)
def test_a_file_that_pins_or_installs_names_no_host_and_no_person(name: str) -> None:
    """The package index is the reader's choice; they may not be able to reach a host named in a lock file."""
    assert ADDRESS.findall((ROOT / name).read_text()) == []


def test_no_file_names_a_folder_of_a_developers_machine() -> None:
    kinds = {".py", ".sql", ".toml", ".md", ".txt", ".yaml", ".yml"}
    files = [path for folder in EVERYTHING for path in (ROOT / folder).rglob("*") if path.suffix in kinds]
    named = [shown(path) for path in files if path != Path(__file__) and MACHINE_PATH.search(path.read_text())]

    assert named == []


@pytest.mark.parametrize("folder", ADAPTERS, ids=lambda folder: folder.name)
def test_every_adapter_is_a_typed_package(folder: Path) -> None:
    assert (folder / "__init__.py").exists()
    assert (folder / "py.typed").exists()


@pytest.mark.parametrize("folder", ADAPTERS, ids=lambda folder: folder.name)
def test_every_adapter_has_a_url_scheme(folder: Path) -> None:
    groups = PROJECT["project"]["entry-points"]
    targets = {target.split(":")[0] for group in groups.values() for target in group.values()}

    assert folder.name in targets


@pytest.mark.parametrize("folder", ADAPTERS, ids=lambda folder: folder.name)
def test_every_adapter_is_under_the_import_rules(folder: Path) -> None:
    rules = PROJECT["tool"]["importlinter"]

    assert folder.name in rules["root_packages"]
    assert folder.name in str(rules["contracts"])


def test_every_package_of_the_import_rules_exists() -> None:
    assert set(PROJECT["tool"]["importlinter"]["root_packages"]) == {"saga", *(folder.name for folder in ADAPTERS)}


def import_graph() -> dict[str, set[str]]:
    """The modules of saga and the adapters, and which of them each imports."""
    places = {module_name(path): path for path in modules(*CODE)}
    return {name: set(_imports(path, places.keys())) - {name} for name, path in places.items()}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part not in ("adapters", "__init__"))


def circles(graph: Mapping[str, set[str]]) -> Iterator[list[str]]:
    """One circle of the graph, if there is any."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield error.args[1]


def _imports(path: Path, known: AbstractSet[str]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield from [submodule] if submodule in known else [node.module] if node.module in known else []


def _per_kloc(count: int) -> float:
    return 1_000 * count / sum(lines(path) for path in modules(*CODE))


def _sleeps(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"time.sleep", "asyncio.sleep", "sleep"}:
            is_yield = bool(node.args) and ast.unparse(node.args[0]) == "0"
            if not is_yield:
                yield node
