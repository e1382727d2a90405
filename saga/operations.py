"""The actions of operators on sagas. Each is decided by the rules, and recorded in the audit."""

from __future__ import annotations

import asyncio
import getpass
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, cast
from uuid import UUID, uuid4

from msgspec import structs

from saga.core.state.letters import DISPATCHED
from saga.core.text import ascii_text, storable
from saga.errors import ActionRefused, AlreadyExists, PlanChanged, Unavailable, UsageError
from saga.inspection.actions.basis import Basis, basis_of_snapshot
from saga.inspection.actions.dry_decision import DryDecision, decide_dry
from saga.inspection.actions.plan import Plan, plan_of, plan_of_decision
from saga.inspection.actions.request import ActionRequest, Evidence
from saga.ports.ledger import Ledger, Snapshot
from saga.ports.values.audit import REQUEST_CHARS_MAX, Action, AuditFilter, AuditLine
from saga.ports.values.claim import CommandRef
from saga.runtime.commit.outcome_queue import OutcomeQueue
from saga.runtime.definition_cache import DefinitionCache
from saga.runtime.planning.plan import audit_of
from saga.runtime.redrive import Redriver

ANSWER_SECONDS_MAX: Final = 30.0
"""Time for the store to say whether it has recorded an action. After that the action is reported as unknown."""
ANY_PLAN: Final = "*"
"""Instead of a plan's digest: whatever the action does by now is approved."""


@dataclass(frozen=True, slots=True)
class By:
    """The actor of an action and the reason, for the audit.

    `authenticated`: how the actor was recognised; `address`: from where the request came. `request`: an id that the caller has made
    for this request; a repeat with the same id gets the first answer, and nothing is done twice.
    """

    actor: str
    reason: str
    authenticated: str | None = None
    address: str | None = None
    request: str | None = None


@dataclass(frozen=True, slots=True)
class Acted:
    """An action that was carried out. `line`: what the audit says of it; `saga`: as it is now.

    `is_replayed`: an earlier call with the same request carried it out.
    """

    line: AuditLine
    saga: Snapshot
    is_replayed: bool


class Operations:
    """Acts on one saga. Each method returns the saga as it is afterwards; with `dry_run`, as it would be, and nothing changes.

    What an action changes and its line in the audit are one transaction; a refused action is recorded, too. `expected_plan` is the
    digest of the plan that was approved (see `plan`): if another plan follows from the saga at the commit, nothing is done.

    All raise NotFound; ActionRefused where the state does not allow the action or it would change nothing; PlanChanged, with the new
    plan; and Unavailable where it is unknown whether the store has recorded the action.
    """

    def __init__(
        self, ledger: Ledger, definitions: DefinitionCache, redriver: Redriver, outcomes: OutcomeQueue
    ) -> None:
        self._ledger = ledger
        self._definitions = definitions
        self._redriver = redriver
        self._outcomes = outcomes

    async def roll_back(
        self, saga: UUID, *, actor: str, reason: str, dry_run: bool = False, expected_plan: str | None = None
    ) -> Snapshot:
        """Requests a rollback. Refused once the pivot has passed."""
        return await self._run(saga, ActionRequest("roll back"), actor, reason, expected_plan, dry_run=dry_run)

    async def pause(
        self, saga: UUID, *, actor: str, reason: str, dry_run: bool = False, expected_plan: str | None = None
    ) -> Snapshot:
        """Pauses a saga: nothing new is dispatched; the deadline still applies."""
        return await self._run(saga, ActionRequest("pause"), actor, reason, expected_plan, dry_run=dry_run)

    async def resume(
        self, saga: UUID, *, actor: str, reason: str, dry_run: bool = False, expected_plan: str | None = None
    ) -> Snapshot:
        """Resumes a paused saga."""
        return await self._run(saga, ActionRequest("resume"), actor, reason, expected_plan, dry_run=dry_run)

    async def retry(
        self,
        saga: UUID,
        step: str | None,
        *,
        actor: str,
        reason: str,
        dry_run: bool = False,
        expected_plan: str | None = None,
    ) -> Snapshot:
        """Retries one quarantined step, or all of them."""
        return await self._run(saga, ActionRequest("retry", step), actor, reason, expected_plan, dry_run=dry_run)

    async def resolve(  # noqa: PLR0913 (evidence, and what every action takes)
        self,
        saga: UUID,
        step: str,
        what: str,
        *,
        actor: str,
        reason: str,
        dry_run: bool = False,
        expected_plan: str | None = None,
    ) -> Snapshot:
        """Settles a quarantined step by evidence: `what` is happened, did-not-happen or compensated."""
        request = ActionRequest("resolve", step, cast("Evidence", what))
        return await self._run(saga, request, actor, reason, expected_plan, dry_run=dry_run)

    async def skip(
        self,
        saga: UUID,
        step: str,
        *,
        actor: str,
        reason: str,
        dry_run: bool = False,
        expected_plan: str | None = None,
    ) -> Snapshot:
        """Goes on without a quarantined step after the pivot, whose effect does not exist and cannot appear any more.

        Refused if its effect may still appear, or its result is needed.
        """
        return await self._run(saga, ActionRequest("skip", step), actor, reason, expected_plan, dry_run=dry_run)

    async def undo_step(
        self,
        saga: UUID,
        step: str,
        *,
        actor: str,
        reason: str,
        dry_run: bool = False,
        expected_plan: str | None = None,
    ) -> Snapshot:
        """Undoes one step of a running saga, or keeps it from taking effect, while the saga goes on without it.

        Refused for the pivot, for a step without a compensation, and if another step has run behind it or needs its result.
        """
        return await self._run(saga, ActionRequest("undo step", step), actor, reason, expected_plan, dry_run=dry_run)

    async def abandon(
        self, saga: UUID, *, actor: str, reason: str, dry_run: bool = False, expected_plan: str | None = None
    ) -> Snapshot:
        """Freezes the saga, and gives up what is left of it."""
        return await self._run(saga, ActionRequest("abandon"), actor, reason, expected_plan, dry_run=dry_run)

    async def plan(self, saga: UUID, request: ActionRequest) -> Plan:
        """Plans an action and changes nothing. A plan with a `refusal` says why the action is refused."""
        _, basis = await self._basis(saga)
        return plan_of(basis, request)

    async def act(self, saga: UUID, request: ActionRequest, by: By, *, expected_plan: str | None = None) -> Acted:
        """Carries out any action for an actor whom a server may have authenticated. The errors are those of the class.

        Raises:
            UsageError: the request id is not 1 to 200 printable ASCII characters, or was used for another action.
        """
        action = _action_of(request, by)
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                return await self._act(saga, request, action, expected_plan, is_new=by.request is None)
        except TimeoutError:
            raise Unavailable(
                f"the store has not recorded {action.action!r} within {ANSWER_SECONDS_MAX:.0f} s; it is tried for as long as this "
                f"process runs, so look at the saga before you repeat it: saga show {saga}"
            ) from None

    async def _run(
        self,
        saga: UUID,
        request: ActionRequest,
        actor: str,
        reason: str,
        expected_plan: str | None,
        *,
        dry_run: bool,
    ) -> Snapshot:
        if not dry_run:
            return (await self.act(saga, request, By(actor, reason), expected_plan=expected_plan)).saga
        snapshot, basis = await self._basis(saga)
        decision = decide_dry(basis, request)
        plan = plan_of_decision(basis, request, decision)
        _check_plan(plan, expected_plan)
        refused_if(plan)
        return structs.replace(snapshot, state=decision.state)

    async def _act(
        self, saga: UUID, request: ActionRequest, action: Action, expected_plan: str | None, *, is_new: bool
    ) -> Acted:
        """Decides and commits until the audit has the request. `is_new`: nobody can have used its id before."""
        is_tried = False
        while True:
            line = None if is_new and not is_tried else await self._recorded(saga, action)
            if line is not None:
                return await self._answer(saga, request, line, is_replayed=not is_tried)
            snapshot, basis = await self._basis(saga)
            decision = decide_dry(basis, request, action.reason or "")
            plan = plan_of_decision(basis, request, decision)
            _check_plan(plan, expected_plan)
            await self._commit(
                snapshot, basis, decision, structs.replace(action, step=decision.position, plan=plan.digest)
            )
            is_tried = True

    async def _commit(self, snapshot: Snapshot, basis: Basis, decision: DryDecision, action: Action) -> None:
        """Commits what was decided if the saga is still the same, or records that the action was refused."""
        if decision.refusal is not None:
            audit = audit_of(action, basis.state, basis.state, storable(decision.refusal))
            with suppress(AlreadyExists):  # the same request was decided elsewhere
                await self._ledger.record(snapshot.saga, audit)
            return
        group = await self._redriver.group_for(snapshot, decision.events)
        group.unclaimed, group.facts, group.action = basis.unclaimed, basis.facts, action
        await self._outcomes.apply(group)

    async def _basis(self, saga: UUID) -> tuple[Snapshot, Basis]:
        """Reads what an action is decided on. What is claimed meanwhile does not escape: the write of the decision is fenced (G135)."""
        snapshot = await self._ledger.snapshot(saga)
        graph = await self._definitions.graph(snapshot.definition)
        refs = [CommandRef(saga, step) for step, letter in enumerate(snapshot.state.vector) if letter == DISPATCHED]
        unclaimed = frozenset(ref.step for ref in await self._redriver.store.unclaimed(refs)) if refs else frozenset()
        return snapshot, basis_of_snapshot(snapshot, graph, unclaimed, self._redriver.clock.now())

    async def _recorded(self, saga: UUID, action: Action) -> AuditLine | None:
        """Returns what the audit says of a request. Raises UsageError if it was another one."""
        lines = await self._ledger.audits(AuditFilter(request=action.request, limit=1))
        if not lines:
            return None
        found = lines[0].audit.action
        same = (lines[0].saga, found.action, ascii_text(found.actor)) == (saga, action.action, ascii_text(action.actor))
        if not same:
            raise UsageError(f"request {action.request} was made for another action: make a new id for each request")
        return lines[0]

    async def _answer(self, saga: UUID, request: ActionRequest, line: AuditLine, *, is_replayed: bool) -> Acted:
        if line.audit.refusal is not None:
            raise ActionRefused(_refused(request, line.audit.refusal), is_replayed=is_replayed)
        return Acted(line, await self._ledger.snapshot(saga), is_replayed)


def _action_of(request: ActionRequest, by: By) -> Action:
    if by.request is not None and not (
        by.request.isascii() and by.request.isprintable() and 1 <= len(by.request) <= REQUEST_CHARS_MAX
    ):
        raise UsageError(f"a request id has 1 to {REQUEST_CHARS_MAX} printable ASCII characters")
    return Action(
        actor=storable(by.actor),
        action=request.words,
        step=None,
        reason=storable(by.reason),
        authenticated=None if by.authenticated is None else storable(by.authenticated),
        address=None if by.address is None else storable(by.address),
        request=by.request or str(uuid4()),
    )


def _check_plan(plan: Plan, expected: str | None) -> None:
    if expected not in (None, ANY_PLAN, plan.digest):
        raise PlanChanged(
            f"saga {plan.saga} has moved on, and another plan follows from {plan.request.action}: look at it before you repeat the action",
            plan.document(),
        )


def refused_if(plan: Plan) -> None:
    """Raises ActionRefused if the plan says so."""
    if plan.refusal is not None:
        raise ActionRefused(_refused(plan.request, plan.refusal))


def _refused(request: ActionRequest, refusal: str) -> str:
    return f"cannot {request.action}: {refusal}"


def account_name() -> str:
    """The name of the account of this process: the actor of an action whose caller gives none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a name for its user
        return f"uid {os.getuid()}"
