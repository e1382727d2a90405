"""Runs an action: look, show what it would do, ask, act, say what came of it."""

from __future__ import annotations

import asyncio
import json as json_text
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol
from uuid import UUID

from cyclopts import Parameter

from saga.app import App, connect
from saga.cli.log_setup import log_for_people
from saga.cli.operators.action_options import Acting
from saga.cli.saga_selection import Wanted
from saga.cli.store import saga_of
from saga.cli.store_options import Where
from saga.core.state.phase import Phase
from saga.errors import Conflict, NotFound
from saga.inspection import plans
from saga.inspection.documents import case_document
from saga.inspection.why import why
from saga.inspection.wording import clock_of, sentence, title_of
from saga.loops import run
from saga.operations import Operations
from saga.ports.ledger import Snapshot
from saga.ports.saga_detail import SagaDetail

Json = Annotated[bool, Parameter(name="--json", negative=())]
AT_ONCE: Final = 16
REFUSALS_SHOWN: Final = 10
FAILED: Final = 1


class Act(Protocol):
    """One of the operations, with everything bound but who asks, why, and whether it is meant."""

    async def __call__(
        self, operations: Operations, saga: UUID, /, *, actor: str, reason: str, dry_run: bool
    ) -> Snapshot: ...


@dataclass(frozen=True, slots=True)
class Action:
    """What can be done. `is_grave`: it cannot be taken back, so a person is asked. `is_last_resort`: also where nobody can be."""

    verb: str
    done: str
    act: Act
    is_grave: bool = True
    is_last_resort: bool = False


def run_action(action: Action, wanted: Wanted, by: Acting, where: Where, *, as_json: bool) -> int:
    """Returns the exit code: 0 done, 1 refused for some."""
    settings = where.settings()
    log_for_people(settings)

    async def work() -> int:
        async with connect(settings=settings) as app:
            if wanted.reference is not None:
                return await _one(app, action, wanted.reference, by, as_json=as_json)
            return await _many(app, action, wanted, by, as_json=as_json)

    return run(work())


async def _one(app: App, action: Action, reference: str, by: Acting, *, as_json: bool) -> int:
    listing = app.process.adapter.listing
    saga = await saga_of(app.process.adapter, reference)
    before = await listing.detail(saga)
    wish = await action.act(app.operations, saga, actor=by.who, reason=by.reason, dry_run=True)
    lines, document = _plan(action, before, wish)
    if by.dry_run:
        print(json_text.dumps(document, ensure_ascii=False) if as_json else "\n".join([title_of(before), *lines]))
        return 0
    if action.is_grave:
        if sys.stdin.isatty() and not by.yes:
            print("\n".join([title_of(before), *lines]), file=sys.stderr)
        if not by.is_confirmed(f"{action.verb.capitalize()} {title_of(before)}?", is_grave=action.is_last_resort):
            return _left_alone()
    await action.act(app.operations, saga, actor=by.who, reason=by.reason, dry_run=False)
    after = await listing.detail(saga)
    if as_json:
        print(json_text.dumps(case_document(after), ensure_ascii=False))
    else:
        print("\n".join([sentence(after, why(after), clock_of(after.now)), *_residue(action, after)]))
    return 0


def _plan(action: Action, before: SagaDetail, wish: Snapshot) -> tuple[list[str], dict[str, Any]]:
    after = wish.state
    lines = plans.changes(before.graph, before.state, after)
    document: dict[str, Any] = {"saga": str(before.saga), "action": action.verb, "changes": lines}
    if action.verb == "roll back":
        lines, document["plan"] = plans.roll_back(before)
    if after.phase in (Phase.ABANDONING, Phase.ABANDONED):
        document["residue"] = plans.residue(before.graph, after.vector)
        lines = [*lines, *document["residue"]]
    return lines, document


def _residue(action: Action, case: SagaDetail) -> list[str]:
    return plans.residue(case.graph, case.state.vector) if action.verb == "abandon" else []


async def _many(app: App, action: Action, wanted: Wanted, by: Acting, *, as_json: bool) -> int:
    sagas = [saga async for saga in wanted.find(app.process.adapter.listing)]
    if not by.dry_run and sagas and not by.is_confirmed(f"{action.verb.capitalize()} {_count(sagas)}?", is_grave=True):
        return _left_alone()
    refused: dict[UUID, str] = {}
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(saga: UUID) -> None:
        async with turns:
            try:
                await action.act(app.operations, saga, actor=by.who, reason=by.reason, dry_run=by.dry_run)
            except (Conflict, NotFound) as error:  # it has moved on, or is not one of those that this can be done to
                refused[saga] = str(error)

    await asyncio.gather(*map(one, sagas))
    _say_many(action, sagas, refused, by, as_json=as_json)
    return FAILED if refused else 0


def _say_many(action: Action, sagas: Sequence[UUID], refused: dict[UUID, str], by: Acting, *, as_json: bool) -> None:
    done = [saga for saga in sagas if saga not in refused]
    if as_json:
        document = {
            "action": action.verb,
            "dry_run": by.dry_run,
            "done": [str(saga) for saga in done],
            "refused": {str(saga): why_not for saga, why_not in refused.items()},
        }
        print(json_text.dumps(document, ensure_ascii=False))
        return
    print(f"{_count(done)} {'would be ' if by.dry_run else ''}{action.done}")
    for saga in done if by.dry_run else ():
        print(f"  {saga}")
    if refused:
        print(f"{_count(list(refused))} left alone:")
    for why_not in list(refused.values())[:REFUSALS_SHOWN]:
        print(f"  {why_not}")
    if len(refused) > REFUSALS_SHOWN:
        print(f"  and {len(refused) - REFUSALS_SHOWN:,} more")


def _count(sagas: Sequence[UUID]) -> str:
    return "1 saga" if len(sagas) == 1 else f"{len(sagas):,} sagas"


def _left_alone() -> int:
    print("nothing was done", file=sys.stderr)
    return FAILED
