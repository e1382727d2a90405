"""`saga rollback`, `retry`, `resolve`, `skip`, `abandon`, `pause`, `resume`: what people do. It can be shown first, and is audited."""

from __future__ import annotations

from typing import Final, Literal

from saga.cli.operators.action import Action, Json, run_action
from saga.cli.operators.action_options import NOBODY, Acting
from saga.cli.saga_selection import NONE, Selection
from saga.cli.store_options import NOWHERE, Where

Evidence = Literal["happened", "did-not-happen", "compensated"]


def rollback(
    saga: str | None = None,
    /,
    *,
    which: Selection = NONE,
    by: Acting = NOBODY,
    json: Json = False,
    where: Where = NOWHERE,
) -> int:
    """Roll a saga back, or many. Refused once its pivot has passed.

    --dry-run shows the plan: which steps, in which order, with which inputs, and what cannot be undone.

    Parameters
    ----------
    saga
        Its id, or DEFINITION:KEY; without it the sagas that the options pick.
    json
        For programs.
    """
    action = Action("roll back", "rolled back", lambda operations, id_, **how: operations.roll_back(id_, **how))
    return run_action(action, which.of(saga), by, where, as_json=json)


def pause(
    saga: str | None = None,
    /,
    *,
    which: Selection = NONE,
    by: Acting = NOBODY,
    json: Json = False,
    where: Where = NOWHERE,
) -> int:
    """Hold a saga, or many: nothing new is sent out until `saga resume`. Deadlines go on.

    Parameters
    ----------
    saga
        Its id, or DEFINITION:KEY; without it the sagas that the options pick.
    json
        For programs.
    """
    action = Action("pause", "paused", lambda operations, id_, **how: operations.pause(id_, **how), is_grave=False)
    return run_action(action, which.of(saga, paused=False), by, where, as_json=json)


def resume(
    saga: str | None = None,
    /,
    *,
    which: Selection = NONE,
    by: Acting = NOBODY,
    json: Json = False,
    where: Where = NOWHERE,
) -> int:
    """Let a paused saga go on, or many.

    Parameters
    ----------
    saga
        Its id, or DEFINITION:KEY; without it the paused ones of those that the options pick.
    json
        For programs.
    """
    action = Action("resume", "resumed", lambda operations, id_, **how: operations.resume(id_, **how), is_grave=False)
    return run_action(action, which.of(saga, paused=True), by, where, as_json=json)


def retry(
    saga: str | None = None,
    step: str | None = None,
    /,
    *,
    which: Selection = NONE,
    by: Acting = NOBODY,
    json: Json = False,
    where: Where = NOWHERE,
) -> int:
    """Try quarantined steps again, of one saga or of many.

    Parameters
    ----------
    saga
        Its id, or DEFINITION:KEY; without it the stuck ones of those that the options pick.
    step
        This one; without it all that were set aside.
    json
        For programs.
    """
    action = Action(
        "retry", "sent round again", lambda operations, id_, **how: operations.retry(id_, step, **how), is_grave=False
    )
    return run_action(action, which.of(saga, stuck=True), by, where, as_json=json)


def resolve(
    saga: str,
    step: str,
    evidence: Evidence,
    /,
    *,
    by: Acting = NOBODY,
    json: Json = False,
    where: Where = NOWHERE,
) -> int:
    """Settle a quarantined step by what you know: its effect happened, did not happen, or was undone by hand.

    Parameters
    ----------
    saga
        Its id, or DEFINITION:KEY.
    step
        The step that was set aside.
    evidence
        What is true of its effect; say in --reason how you know.
    json
        For programs.
    """
    action = Action(
        "resolve", "resolved", lambda operations, id_, **how: operations.resolve(id_, step, evidence, **how)
    )
    return run_action(action, NONE.of(saga), by, where, as_json=json)


def skip(saga: str, step: str, /, *, by: Acting = NOBODY, json: Json = False, where: Where = NOWHERE) -> int:
    """Go on without a quarantined step behind the pivot. Its effect is not there, and nobody may need its result.

    Parameters
    ----------
    saga
        Its id, or DEFINITION:KEY.
    step
        The step that was set aside.
    json
        For programs.
    """
    action = Action("skip", "skipped", lambda operations, id_, **how: operations.skip(id_, step, **how))
    return run_action(action, NONE.of(saga), by, where, as_json=json)


def abandon(saga: str, /, *, by: Acting = NOBODY, json: Json = False, where: Where = NOWHERE) -> int:
    """Give a saga up by force: freeze what can be frozen, and list what is left undone. It cannot be taken back.

    Parameters
    ----------
    saga
        Its id, or DEFINITION:KEY.
    json
        For programs.
    """
    action = Action(
        "abandon", "abandoned", lambda operations, id_, **how: operations.abandon(id_, **how), is_last_resort=True
    )
    return run_action(action, NONE.of(saga), by, where, as_json=json)


COMMANDS: Final = (rollback, retry, resolve, skip, abandon, pause, resume)
