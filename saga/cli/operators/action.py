"""Runs an action: reads the saga, shows what would change, asks, acts, and says what comes next."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

from saga.app import App, connect
from saga.cli.exit_codes import DONE, FAILED
from saga.cli.log_setup import log_for_people
from saga.cli.operators.options import ActionOptions
from saga.cli.operators.selection import Selected
from saga.cli.options import StoreOptions
from saga.cli.output import print_json, say
from saga.core.state.phase import Phase
from saga.errors import Conflict, NotFound
from saga.inspection import plans
from saga.inspection.documents import saga_document
from saga.inspection.references import find_saga
from saga.inspection.why import why
from saga.inspection.wording import clock_of, sentence, title_of
from saga.loops import run
from saga.operations import Operations
from saga.ports.ledger import Snapshot
from saga.ports.saga_detail import SagaDetail

CONCURRENT_MAX: Final = 16
REFUSALS_SHOWN_MAX: Final = 10


class Perform(Protocol):
    """Performs one of the operations on a saga."""

    async def __call__(
        self, operations: Operations, saga: UUID, /, *, actor: str, reason: str, dry_run: bool
    ) -> Snapshot: ...


@dataclass(frozen=True, slots=True)
class Action:
    """An action of an operator on a saga.

    `is_irreversible`: an operator on a terminal has to confirm it. `always_needs_yes`: without a terminal it needs --yes.
    """

    verb: str
    done: str
    perform: Perform
    is_irreversible: bool = True
    always_needs_yes: bool = False

    async def apply(self, app: App, saga: UUID, by: ActionOptions, *, dry_run: bool) -> Snapshot:
        """Returns the saga as it is afterwards; with `dry_run`, as it would be."""
        return await self.perform(app.operations, saga, actor=by.actor_name, reason=by.reason, dry_run=dry_run)


def run_action(action: Action, selected: Selected, by: ActionOptions, store: StoreOptions, *, as_json: bool) -> int:
    """Returns the exit code: FAILED if the operator declined, or some of many sagas refused."""
    settings = store.settings()
    log_for_people(settings)

    async def work() -> int:
        async with connect(settings=settings) as app:
            if selected.reference is not None:
                return await _run_one(app, action, selected.reference, by, as_json=as_json)
            return await _run_many(app, action, selected, by, as_json=as_json)

    return run(work())


# -- one saga -------------------------------------------------------------------------------------------------------------


async def _run_one(app: App, action: Action, reference: str, by: ActionOptions, *, as_json: bool) -> int:
    saga = await find_saga(app.adapter, reference)
    before = await app.detail(saga)
    lines, document = _preview(action, before, await action.apply(app, saga, by, dry_run=True))
    if by.dry_run:
        print_json(document) if as_json else say("\n".join([title_of(before), *lines]))
        return DONE
    if action.is_irreversible:
        if sys.stdin.isatty() and not by.yes:
            say("\n".join([title_of(before), *lines]), is_answer=False)
        question = f"{action.verb.capitalize()} {title_of(before)}?"
        if not by.confirm(question, needs_yes=action.always_needs_yes):
            return _declined()
    await action.apply(app, saga, by, dry_run=False)
    _report(action, await app.detail(saga), as_json=as_json)
    return DONE


def _preview(action: Action, before: SagaDetail, after: Snapshot) -> tuple[list[str], dict[str, Any]]:
    """Returns what the action changes, as lines and as JSON."""
    lines = plans.changes(before.graph, before.state, after.state)
    document: dict[str, Any] = {"saga": str(before.saga), "action": action.verb, "changes": lines}
    if action.verb == "roll back":
        lines, document["plan"] = plans.rollback_plan(before)
    if after.state.phase in (Phase.ABANDONING, Phase.ABANDONED):
        document["residue"] = plans.remaining_effects(before.graph, after.state.vector)
        lines = [*lines, *document["residue"]]
    return lines, document


def _report(action: Action, after: SagaDetail, *, as_json: bool) -> None:
    if as_json:
        print_json(saga_document(after))
        return
    say(sentence(after, why(after), clock_of(after.now)))
    for line in plans.remaining_effects(after.graph, after.state.vector) if action.verb == "abandon" else ():
        say(line)


# -- many sagas -----------------------------------------------------------------------------------------------------------


async def _run_many(app: App, action: Action, selected: Selected, by: ActionOptions, *, as_json: bool) -> int:
    sagas = [saga async for saga in selected.find(app.listing)]
    question = f"{action.verb.capitalize()} {_count(sagas)}?"
    if sagas and not by.dry_run and not by.confirm(question, needs_yes=True):
        return _declined()
    refused: dict[UUID, str] = {}
    places = asyncio.Semaphore(CONCURRENT_MAX)

    async def apply(saga: UUID) -> None:
        async with places:
            try:
                await action.apply(app, saga, by, dry_run=by.dry_run)
            except (Conflict, NotFound) as error:  # the saga has moved on, or the action does not apply to it
                refused[saga] = str(error)

    await asyncio.gather(*map(apply, sagas))
    _report_many(action, sagas, refused, by, as_json=as_json)
    return FAILED if refused else DONE


def _report_many(
    action: Action, sagas: Sequence[UUID], refused: dict[UUID, str], by: ActionOptions, *, as_json: bool
) -> None:
    done = [saga for saga in sagas if saga not in refused]
    if as_json:
        print_json({
            "action": action.verb,
            "dry_run": by.dry_run,
            "done": [str(saga) for saga in done],
            "refused": {str(saga): reason for saga, reason in refused.items()},
        })  # fmt: skip
        return
    print(f"{_count(done)} {'would be ' if by.dry_run else ''}{action.done}")
    for saga in done if by.dry_run else ():
        print(f"  {saga}")
    if refused:
        print(f"{_count(list(refused))} left alone:")
    for reason in list(refused.values())[:REFUSALS_SHOWN_MAX]:
        say(f"  {reason}")
    if len(refused) > REFUSALS_SHOWN_MAX:
        print(f"  and {len(refused) - REFUSALS_SHOWN_MAX:,} more")


def _count(sagas: Sequence[UUID]) -> str:
    return "1 saga" if len(sagas) == 1 else f"{len(sagas):,} sagas"


def _declined() -> int:
    print("nothing was changed", file=sys.stderr)
    return FAILED
