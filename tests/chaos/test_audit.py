"""The audit finds each kind of violation when it is added to sound evidence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.chaos.audit import Evidence, audit
from tests.chaos.records import Row, Saga
from tests.chaos.system.customer import Answers
from tests.chaos.system.provider import Line

ORDER = Saga("a", "order", "1", 1, "D", "SSS")
DECLINED = Saga("b", "order", "7", 7, "Z", "ZZR")
GIFT = Saga("c", "gift", "5", 5, "D", "SSSS")
REFUSED = Saga("d", "gift", "10", 10, "Z", "ZZZR")
SAGAS = (ORDER, DECLINED, GIFT, REFUSED)
DONE = (Row("a", 1), Row("b", 7), Row("b", -7), Row("c", 5), Row("d", 10), Row("d", -10))
CHARGES = (
    Line("effect", "ka", "a", 1),
    Line("again", "ka", "a", 1),
    Line("declined", "kb", "b", 7),
    Line("effect", "kc", "c", 5),
    Line("effect", "kd", "d", 10),
    Line("effect", "kd'", "d", -10),
)
ANSWERS = Answers(
    started={saga.number: saga.id for saga in SAGAS}, ended={"a": "completed", "b": "compensated", "d": "compensated"}
)
SOUND = Evidence(SAGAS, {"noted": DONE, "reserved": DONE, "confirmed": (Row("c", 5),)}, CHARGES, ANSWERS)


def without(rows: tuple[Row, ...], row: Row) -> tuple[Row, ...]:
    return tuple(one for one in rows if one != row)


def with_table(name: str, rows: tuple[Row, ...]) -> Evidence:
    return replace(SOUND, tables={**SOUND.tables, name: rows})


def with_saga(saga: Saga) -> Evidence:
    return replace(SOUND, sagas=tuple(saga if one.id == saga.id else one for one in SAGAS))


def test_sound_evidence_has_no_violations() -> None:
    verdict = audit(SOUND)

    assert verdict.violations == {}
    assert verdict.endings == {"completed": 2, "compensated": 2}


@pytest.mark.parametrize("table", ["noted", "reserved"])
@pytest.mark.parametrize("row", [Row("a", 1), Row("b", 7), Row("b", -7), Row("d", -10)])
def test_a_row_that_is_missing_or_doubled_is_found(table: str, row: Row) -> None:
    assert audit(with_table(table, without(DONE, row))).violations == {"lost": 1}
    assert audit(with_table(table, (*DONE, row))).violations == {"duplicated": 1}


def test_an_effect_that_was_undone_although_its_saga_completed_is_found() -> None:
    assert audit(with_table("noted", (*DONE, Row("a", -1)))).violations == {"duplicated": 1}


def test_an_effect_that_a_refusal_should_have_left_out_is_found() -> None:
    assert audit(with_table("confirmed", (Row("c", 5), Row("d", 10)))).violations == {"duplicated": 1}


def test_a_charge_that_is_missing_is_found() -> None:
    assert audit(replace(SOUND, provider=CHARGES[2:])).violations == {"lost": 1}


def test_a_refund_that_is_missing_is_found() -> None:
    assert audit(replace(SOUND, provider=CHARGES[:-1])).violations == {"lost": 1}


def test_a_second_key_for_one_charge_is_found_as_key_and_as_charge() -> None:
    again = replace(SOUND, provider=(*CHARGES, Line("effect", "kx", "a", 1)))
    assert audit(again).violations == {"keys": 1, "duplicated": 1}


def test_a_second_key_without_an_effect_is_found() -> None:
    assert audit(replace(SOUND, provider=(*CHARGES, Line("declined", "kx", "b", 7)))).violations == {"keys": 1}


def test_a_provider_that_does_not_honour_its_keys_is_found() -> None:
    assert audit(replace(SOUND, provider=(*CHARGES, CHARGES[0]))).violations == {"provider": 1, "duplicated": 1}


def test_an_effect_of_no_saga_is_found() -> None:
    assert audit(with_table("noted", (*DONE, Row("z", 1)))).violations == {"unowned": 1}


def test_an_acknowledged_start_that_is_missing_is_found() -> None:
    lost = replace(SOUND, answers=replace(ANSWERS, started={**ANSWERS.started, 2: "e"}))
    assert audit(lost).violations == {"lost start": 1}


def test_a_start_that_was_acknowledged_as_another_saga_is_found() -> None:
    other = replace(SOUND, answers=replace(ANSWERS, started={**ANSWERS.started, 1: "e"}))
    assert audit(other).violations == {"lost start": 1}


def test_an_end_that_is_not_what_the_customer_was_told_is_found() -> None:
    wrong = replace(SOUND, answers=replace(ANSWERS, ended={"a": "compensated"}))
    assert audit(wrong).violations == {"told wrong": 1}


def test_a_refused_call_is_found() -> None:
    assert audit(replace(SOUND, answers=replace(ANSWERS, refused=["refused 9 Conflict: x"]))).violations == {
        "refused": 1
    }


def test_two_sagas_with_one_start_key_are_found() -> None:
    twice = replace(SOUND, sagas=(*SAGAS, replace(ORDER, id="e", phase="R")))
    assert audit(twice).violations == {"start keys": 1, "stuck": 1, "lost start": 1}


@pytest.mark.parametrize("vector", ["SSd", "SSD"])
def test_a_saga_that_has_not_ended_is_found(vector: str) -> None:
    found = audit(replace(with_saga(replace(ORDER, phase="R", vector=vector)), answers=Answers()))
    assert found.violations == {"stuck": 1}


def test_a_rollback_without_a_business_answer_is_found_although_everything_is_undone() -> None:
    undone = replace(
        with_saga(replace(ORDER, phase="Z", vector="ZZZ")),
        tables={"noted": (*DONE, Row("a", -1)), "reserved": (*DONE, Row("a", -1)), "confirmed": (Row("c", 5),)},
        provider=(*CHARGES, Line("effect", "ka'", "a", -1)),
        answers=Answers(),
    )
    assert audit(undone).violations == {"wrong end": 1}


def test_a_leftover_is_found() -> None:
    assert audit(replace(SOUND, leaked=["command: x"])).violations == {"leaked": 1}


def test_a_finding_of_the_history_checker_is_reported() -> None:
    assert audit(replace(SOUND, broken=["saga a at version 2: x"])).violations == {"history": 1}


def test_a_process_that_ended_by_itself_is_found() -> None:
    assert audit(replace(SOUND, died=["goods.0: x"])).violations == {"died": 1}
