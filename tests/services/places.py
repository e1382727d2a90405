"""The sources of a real server: a URL from the environment, else a container, else a program on this machine."""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

Server = TypeVar("Server")
NOT_TESTED = "NO SERVER"
POM = """<project><modelVersion>4.0.0</modelVersion>
<groupId>test</groupId><artifactId>jars</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>%s</dependencies></project>"""
DEPENDENCY = "<dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version></dependency>"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


class Missing(LookupError):
    """No server of this kind is available on this machine; the message says what was tried."""


@contextlib.contextmanager
def or_skip(server: contextlib.AbstractContextManager[Server]) -> Iterator[Server]:
    """Starts a server for a fixture. If none is available, the test is skipped with the reason, or fails in CI."""
    with contextlib.ExitStack() as stack:
        try:
            up = stack.enter_context(server)
        except Missing as error:
            if os.environ.get("CI") == "true":
                pytest.fail(f"{NOT_TESTED}: {error}", pytrace=False)
            pytest.skip(f"{NOT_TESTED}: {error}")
        yield up


def no_docker() -> str | None:
    """The reason why containers are not available; None if they are."""
    if importlib.util.find_spec("testcontainers") is None:
        return "testcontainers is not installed"
    with warnings.catch_warnings():  # a refused connection leaves its socket to the garbage collector, which warns
        warnings.simplefilter("ignore", ResourceWarning)
        why_not = _no_answer()
        gc.collect()
    return why_not


def _no_answer() -> str | None:
    try:
        importlib.import_module("docker").from_env(timeout=3).ping()
    except Exception as error:  # noqa: BLE001 - the client raises whatever its transport raises
        return f"no Docker engine answers ({type(error).__name__})"
    return None


def cache_folder() -> Path:
    """The folder that keeps jars and built programs between runs: SAGA_TEST_CACHE, else the user's cache."""
    root = os.environ.get("SAGA_TEST_CACHE") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(root) / "saga-test-services"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def jars(name: str, *coordinates: str) -> Path:
    """A folder of jars with their run-time dependencies, from Maven Central once, then from the cache.

    `name` must change with the versions. Raises Missing.
    """
    folder = cache_folder() / name
    if folder.exists():
        return folder
    maven = _program("mvn", "apt-get install maven openjdk-17-jre-headless, brew install maven")
    with tempfile.TemporaryDirectory(dir=folder.parent, ignore_cleanup_errors=True) as partial:
        pom = Path(partial) / "pom.xml"
        pom.write_text(POM % "".join(DEPENDENCY % tuple(one.split(":")) for one in coordinates))
        quiet = ["-B", "-q", "-ntp", "-Dstyle.color=never"]
        where = ["-DincludeScope=runtime", f"-DoutputDirectory={partial}/jars"]
        _build(name, [maven, *quiet, "-f", str(pom), COPY, *where], Path(partial))
        _keep(Path(partial) / "jars", folder)
    return folder


def go_binary(name: str, module: str, version: str) -> Path:
    """A program, built from its Go module once, then from the cache. Raises Missing.

    `go install module@version` refuses modules with `replace` lines (etcd); a module of our own that requires them does not.
    """
    target = cache_folder() / f"{name}-{version}"
    if target.exists():
        return target
    go = _program("go", "a Go toolchain")
    with tempfile.TemporaryDirectory(dir=target.parent, ignore_cleanup_errors=True) as partial:
        build = ["build", "-trimpath", "-ldflags=-s -w", "-o", "binary", module]
        for arguments in (["mod", "init", "build"], ["get", f"{module}@{version}"], build):
            _build(name, [go, *arguments], Path(partial), GOFLAGS="-buildvcs=false", CGO_ENABLED="0")
        _keep(Path(partial) / "binary", target)
    return target


def npm_folder(name: str, package: str, version: str) -> Path:
    """A folder with an npm package and its dependencies, downloaded once, then from the cache. Raises Missing."""
    folder = cache_folder() / f"{name}-{version}"
    if folder.exists():
        return folder
    npm = _program("npm", "apt-get install nodejs npm, brew install node")
    with tempfile.TemporaryDirectory(dir=folder.parent, ignore_cleanup_errors=True) as partial:
        inside = Path(partial) / "package"
        inside.mkdir()
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        _build(name, [npm, "install", *quiet, "--prefix", str(inside), f"{package}@{version}"], inside)
        _keep(inside, folder)
    return folder


def _program(name: str, remedy: str) -> str:
    if not (path := shutil.which(name)):
        raise Missing(f"{name} is not on PATH ({remedy})")
    return path


def _build(name: str, argv: list[str], folder: Path, **environment: str) -> None:
    made = subprocess.run(
        argv, cwd=folder, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, check=False, capture_output=True,
        text=True,
    )  # fmt: skip
    if made.returncode:
        raise Missing(f"{name}: {' '.join(argv[:3])} failed: {(made.stderr or made.stdout)[-1_000:]}")


def _keep(made: Path, target: Path) -> None:
    """Moves a complete folder into place; another process may have been faster."""
    try:
        made.rename(target)
    except OSError:
        if not target.exists():
            raise
