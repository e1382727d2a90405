"""Runs an action: reads the saga, shows what would change, asks, acts, and says what comes next."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from saga.app import App, connect
from saga.cli.exit_codes import DONE, FAILED
from saga.cli.log_setup import log_for_people
from saga.cli.operators.options import ActionOptions
from saga.cli.operators.selection import Selected
from saga.cli.options import StoreOptions
from saga.cli.output import print_json, say
from saga.errors import Conflict, NotFound, UsageError
from saga.inspection.actions.plan import Plan
from saga.inspection.actions.plan_page import plan_document, plan_lines
from saga.inspection.actions.request import ActionRequest
from saga.inspection.documents import saga_document
from saga.inspection.masking.saga_marks import read_marks
from saga.inspection.masking.shown import Payloads
from saga.inspection.plans import remaining_effects
from saga.inspection.references import find_saga
from saga.inspection.why import why
from saga.inspection.wording import clock_of, sentence, title_of
from saga.loops import run
from saga.operations import By, refused_if
from saga.ports.saga_detail import SagaDetail

CONCURRENT_MAX: Final = 16
REFUSALS_SHOWN_MAX: Final = 10
PLAN_CHARS_MIN: Final = 8
"""Minimum number of characters of a digest that stand for the whole."""


@dataclass(frozen=True, slots=True)
class Action:
    """An action of an operator on a saga: a grave one has to be confirmed on a terminal.

    `done`: what is then said of the saga. `always_needs_yes`: without a terminal it needs --yes.
    """

    request: ActionRequest
    done: str
    always_needs_yes: bool = False

    @property
    def verb(self) -> str:
        return self.request.action

    async def apply(self, app: App, saga: UUID, by: ActionOptions, *, expected_plan: str | None = None) -> None:
        """Carries it out."""
        await app.operations.act(saga, self.request, By(by.actor_name, by.reason), expected_plan=expected_plan)

    async def check(self, app: App, saga: UUID) -> None:
        """Raises Conflict if it is refused now."""
        refused_if(await app.operations.plan(saga, self.request))


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
    before, plan = await app.detail(saga), await app.operations.plan(saga, action.request)
    payloads = Payloads(await read_marks(app.adapter.directory, before.graph))
    lines = [title_of(before), *plan_lines(plan, before, payloads)]
    if by.dry_run:
        refused_if(plan)
        print_json(plan_document(plan, before, payloads)) if as_json else say(
            "\n".join([*lines, f"plan {plan.digest}"])
        )
        return DONE
    expected_plan = None if by.if_plan is None else _approved(plan, by.if_plan)
    is_refused = plan.refusal is not None  # it is asked for all the same, so that the audit has it
    if action.request.is_grave and not is_refused:
        is_shown = sys.stdin.isatty() and not by.yes
        if is_shown:
            say("\n".join(lines), is_answer=False)
        if not by.confirm(f"{action.verb.capitalize()} {title_of(before)}?", needs_yes=action.always_needs_yes):
            return _declined()
        expected_plan = expected_plan or (plan.digest if is_shown else None)
    await action.apply(app, saga, by, expected_plan=expected_plan)
    _report(action, await app.detail(saga), payloads, as_json=as_json)
    return DONE


def _approved(plan: Plan, approved: str) -> str:
    """The digest that was approved; its beginning is enough."""
    is_meant = len(approved) >= PLAN_CHARS_MIN and plan.digest.startswith(approved)
    return plan.digest if is_meant else approved


def _report(action: Action, after: SagaDetail, payloads: Payloads, *, as_json: bool) -> None:
    if as_json:
        print_json(saga_document(after, shown=payloads))
        return
    say(sentence(after, why(after), clock_of(after.now)))
    for line in remaining_effects(after.graph, after.state.vector) if action.verb == "abandon" else ():
        say(line)


# -- many sagas -----------------------------------------------------------------------------------------------------------


async def _run_many(app: App, action: Action, selected: Selected, by: ActionOptions, *, as_json: bool) -> int:
    if by.if_plan is not None:
        raise UsageError("--if-plan is for one saga, whose plan was approved: name it, or leave the option out")
    sagas = [saga async for saga in selected.find(app.listing)]
    question = f"{action.verb.capitalize()} {_count(sagas)}?"
    if sagas and not by.dry_run and not by.confirm(question, needs_yes=True):
        return _declined()
    refused: dict[UUID, str] = {}
    places = asyncio.Semaphore(CONCURRENT_MAX)

    async def apply(saga: UUID) -> None:
        async with places:
            try:
                await (action.check(app, saga) if by.dry_run else action.apply(app, saga, by))
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
