"""`saga definitions`: which definitions there are, the steps of one, one as YAML, and which version starts use."""

from __future__ import annotations

import json as json_text
import sys
from collections.abc import Sequence
from typing import Annotated, Final

from cyclopts import App, Parameter
from rich.console import RenderableType
from rich.text import Text
from rich.tree import Tree

from saga.authoring.text.editor_schema import editor_schema
from saga.authoring.text.writing import stored_document, yaml_text
from saga.cli.log_setup import log_for_people
from saga.cli.options import FROM_SETTINGS, Json, StoreOptions
from saga.cli.output import Page, print_json, print_page, say, table
from saga.cli.store import opened_store
from saga.core.definition.graph import Graph
from saga.core.definition.step import Call, Step, Timer, Wait
from saga.core.duration import duration_text
from saga.errors import UsageError
from saga.inspection.branch_words import branch_words
from saga.inspection.documents import definition_document
from saga.inspection.drawing.flow_chart import flow_chart
from saga.inspection.references import find_definition
from saga.loops import run
from saga.ports.listing import DefinitionLine
from saga.settings import Settings

Name = Annotated[str, Parameter(help="Name of the definition.")]
Version = Annotated[
    int | None, Parameter(help="Show this version; the default is the version that a start by name uses.")
]
Mermaid = Annotated[bool, Parameter(negative=(), help="Print a Mermaid flow chart.")]

definitions: Final = App(
    name="definitions",
    help="List the definitions, show one as a tree or as YAML, activate a version, or print the schema for editors.",
)


@definitions.default
def overview(
    name: str | None = None,
    /,
    *,
    version: Version = None,
    mermaid: Mermaid = False,
    json: Json = False,
    store: StoreOptions = FROM_SETTINGS,
) -> None:
    """List the definitions, or show the steps of one.

    Parameters
    ----------
    name
        Show this definition.
    """
    if name is not None:
        show(name, version=version, mermaid=mermaid, json=json, store=store)
        return
    settings = store.settings()
    log_for_people(settings)
    if mermaid:
        raise UsageError("--mermaid draws one definition: name it, for example saga definitions order --mermaid")
    print_page(run(_list(settings)), as_json=json)


@definitions.command
def show(
    name: Name,
    /,
    *,
    version: Version = None,
    yaml: Annotated[bool, Parameter(negative=())] = False,
    mermaid: Mermaid = False,
    json: Json = False,
    store: StoreOptions = FROM_SETTINGS,
) -> None:
    """Show the steps of one definition.

    Parameters
    ----------
    yaml
        Print it as YAML for `saga register`: the file as it was registered, if it was registered from one.
    """
    settings = store.settings()
    log_for_people(settings)
    if yaml:
        sys.stdout.write(run(_yaml(settings, name, version)))
        return
    print_page(run(_one(settings, name, version, mermaid=mermaid)), as_json=json)


@definitions.command
def activate(
    name: Name,
    /,
    *,
    version: Annotated[int, Parameter(help="The version, which may be an older one.")],
    json: Json = False,
    store: StoreOptions = FROM_SETTINGS,
) -> None:
    """Make a start by name use this version from now on. A saga stays on the version with which it was started."""
    settings = store.settings()
    log_for_people(settings)
    before = run(_activate(settings, name, version))
    if json:
        print_json({"name": name, "version": version, "before": before})
    else:
        say(
            f"a start of {name} uses v{version} from now on"
            + ("" if before is None else f"; until now it was v{before}")
        )


@definitions.command
def schema() -> None:
    """Print the JSON Schema of definitions as YAML or JSON, with which editors complete and check what is written."""
    print(json_text.dumps(editor_schema(), indent=2))


async def _list(settings: Settings) -> Page:
    async with opened_store(settings) as adapter:
        found = await adapter.listing.definitions()
    return Page(list_page(found), [definition_document(one) for one in found])


async def _activate(settings: Settings, name: str, version: int) -> int | None:
    async with opened_store(settings) as adapter:
        await find_definition(adapter, name, version)  # it names the nearest definition
        return await adapter.directory.activate(name, version)


async def _one(settings: Settings, name: str, version: int | None, *, mermaid: bool) -> Page:
    async with opened_store(settings) as adapter:
        _, graph = await find_definition(adapter, name, version)
    parts: Sequence[RenderableType] = [flow_chart(graph)] if mermaid else tree_page(graph)
    return Page(parts, json_text.loads(graph.canonical))


async def _yaml(settings: Settings, name: str, version: int | None) -> str:
    async with opened_store(settings) as adapter:
        number, graph = await find_definition(adapter, name, version)
        source = await adapter.directory.source(number)
    return yaml_text(stored_document(graph)) if source is None else source


def list_page(found: Sequence[DefinitionLine]) -> list[RenderableType]:
    """The definitions as a table."""
    if not found:
        return [Text("no definitions: a process that serves a module with a Definition registers it", style="dim")]
    rows = table("definition", "version", "steps", "live sagas", "services")
    for one in found:
        version = f"{one.version} (default)" if one.is_default else str(one.version)
        rows.add_row(one.name, version, str(one.steps), str(one.live), ", ".join(one.services))
    return [rows]


def tree_page(graph: Graph) -> list[RenderableType]:
    """The steps in order, each below the step that it follows; joins name the other steps that they wait for."""
    deadline = f", deadline {duration_text(graph.deadline_ms)}" if graph.deadline_ms else ""
    root = Tree(Text(f"{graph.name} v{graph.version}{deadline}", style="bold"))
    branches: dict[int, Tree] = {}
    for position in reversed(graph.downward):
        step = graph.steps[position]
        parent = branches[step.after[-1]] if step.after else root
        branches[position] = parent.add(_step_line(graph, step))
    return [root]


def _step_line(graph: Graph, step: Step) -> Text:
    called = f"{step.service}.{step.handler} ({step.mode.name.lower()})" if isinstance(step, Call) else step.kind.value
    service = f"watched by {step.service}"
    line = Text.assemble((step.name, "bold"), f"  {called}")
    others = ", ".join(graph.steps[before].name for before in step.after[:-1])
    facts = {
        "pivot": step.pivot,
        "retriable": step.retriable,
        "read-only": step.read_only and isinstance(step, Call),
        "compensated": step.compensation,
        service: isinstance(step, Wait | Timer),
        f"also after {others}": others,
    }
    text = ", ".join([*(fact for fact, is_so in facts.items() if is_so), *branch_words(graph, step)])
    return line.append(f"  {text}", style="dim") if text else line
