"""The preview of a rollback is what the rollback does."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from saga.core.definition.graph import Graph
from saga.core.rules import events as ev
from saga.core.rules.decide import decide
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State, initial_state
from saga.inspection.rollback_preview import UndoAction, preview_rollback
from tests.core.graphs import chain, graph, shaped, step

NOW = 1_000.0


def standing(plan: Graph, vector: str, phase: Phase = Phase.RUNNING) -> State:
    return replace(initial_state(plan, now=NOW), vector=vector, phase=phase)


def stages(plan: Graph, vector: str, phase: Phase = Phase.RUNNING) -> list[list[tuple[int, UndoAction]]]:
    preview = preview_rollback(plan, standing(plan, vector, phase), now=NOW)
    assert preview.refusal is None
    return [[(each.step, each.undo) for each in stage] for stage in preview.stages]


def test_effects_are_undone_from_the_end() -> None:
    assert stages(chain("XXX"), "SSP") == [[(1, UndoAction.COMPENSATE)], [(0, UndoAction.COMPENSATE)]]


def test_branches_are_undone_at_one_time() -> None:
    diamond = shaped([(), (0,), (0,), (1, 2)], "XXXX")

    assert stages(diamond, "SSSP") == [
        [(1, UndoAction.COMPENSATE), (2, UndoAction.COMPENSATE)],
        [(0, UndoAction.COMPENSATE)],
    ]


def test_an_unknown_external_step_is_found_out_first() -> None:
    assert stages(chain("XX"), "SD") == [[(1, UndoAction.FIND_OUT)], [(0, UndoAction.COMPENSATE)]]


def test_an_unknown_journaled_step_is_compensated_or_forbidden() -> None:
    assert stages(chain("XJ"), "SD") == [[(1, UndoAction.COMPENSATE_OR_FORBID)], [(0, UndoAction.COMPENSATE)]]


def test_a_running_transactional_step_has_nothing_to_undo() -> None:
    preview = preview_rollback(chain("XT"), standing(chain("XT"), "SD"), now=NOW)

    assert [[each.step for each in stage] for stage in preview.stages] == [[0]]
    assert [(each.step, each.undo) for each in preview.untouched] == [(1, UndoAction.VOID)]


def test_a_step_without_compensation_is_named() -> None:
    plan = graph(step("look", "X", compensation=False), step("pay", "X", after=(0,)))
    preview = preview_rollback(plan, standing(plan, "SS"), now=NOW)

    assert [(each.step, each.undo) for each in preview.untouched] == [(0, UndoAction.KEEP)]


@pytest.mark.parametrize("mode", "XJ")
def test_an_unknown_pivot_is_waited_for(mode: str) -> None:
    plan = chain(f"X{mode}X", pivot=1)

    assert stages(plan, "SDP") == [[(1, UndoAction.AWAIT_PIVOT)], [(0, UndoAction.COMPENSATE)]]


def test_behind_the_pivot_it_is_refused() -> None:
    plan = chain("XXX", pivot=1)

    assert (
        preview_rollback(plan, standing(plan, "SSD"), now=NOW).refusal == "its pivot b has passed: it only goes forward"
    )


@pytest.mark.parametrize("phase", [Phase.COMPLETED, Phase.COMPENSATED, Phase.ABANDONED, Phase.ABANDONING])
def test_an_end_is_final(phase: Phase) -> None:
    plan = chain("XX")

    assert preview_rollback(plan, standing(plan, "SS", phase), now=NOW).refusal == f"it is {phase.name.lower()}"


def test_a_paused_saga_is_shown_as_if_it_went_on() -> None:
    plan = chain("XX")
    state = replace(standing(plan, "SP"), paused=True)

    assert preview_rollback(plan, state, now=NOW).stages[0][0].step == 0


@pytest.mark.parametrize("vector", ["SSSP", "SSDP", "SDDP", "SSSD", "DPPP"])
def test_the_order_is_that_of_a_real_roll_back(vector: str) -> None:
    diamond = shaped([(), (0,), (0,), (1, 2)], "XXXX")
    planned = [
        sorted(each.step for each in stage)
        for stage in preview_rollback(diamond, standing(diamond, vector), now=NOW).stages
    ]
    state = decide(
        diamond, standing(diamond, vector), [ev.RollbackRequested("real")], now=NOW, jitter=0.0, enforce_deadline=True
    ).state
    real: list[list[int]] = []
    known: set[int] = set()
    while not state.phase.is_terminal:
        acting = [n for n, letter in enumerate(state.vector) if letter in "KU"]
        fresh = sorted(set(acting) - known)
        real += [fresh] if fresh else []
        known.update(fresh)
        events: list[ev.Event] = [
            ev.Compensated(n) if state.vector[n] == "K" else ev.Rejected(n, "it never happened") for n in acting
        ]
        state = decide(diamond, state, events, now=NOW, jitter=0.0, enforce_deadline=True).state

    assert planned == real


def test_an_external_step_that_was_never_claimed_is_not_called_by_the_rollback() -> None:
    plan = chain("XX", pivot=1)

    preview = preview_rollback(plan, standing(plan, "SD"), now=NOW, unclaimed=frozenset({1}))

    assert [[(each.step, each.undo) for each in stage] for stage in preview.stages] == [[(0, UndoAction.COMPENSATE)]]
    assert [(each.step, each.undo) for each in preview.untouched] == [(1, UndoAction.VOID)]
