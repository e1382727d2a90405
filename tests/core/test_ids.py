from __future__ import annotations

from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga.core.ids import RANDOM_BYTES, TIME_MS_MAX, idempotency_key, step_path, uuid7, uuid7_ms
from saga.core.state.operation import Operation
from saga.errors import UsageError
from tests.core.samples import names

SAGA = UUID("01900000-0000-7000-8000-000000000001")

moments = st.integers(0, TIME_MS_MAX)
noises = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)


def test_the_example_of_the_standard_comes_out() -> None:
    rand_a, rand_b = 0xCC3, 0x18C4DC0C0C07398F
    noise = (rand_a << 62 | rand_b).to_bytes(RANDOM_BYTES, "big")

    assert uuid7(0x017F22E279B0, noise) == UUID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")


@given(moments, noises)
def test_an_id_is_a_uuid_of_version_seven(now_ms: int, noise: bytes) -> None:
    made = uuid7(now_ms, noise)

    assert made.version == 7
    assert made.variant == RFC_4122


@given(moments, noises)
def test_an_id_carries_its_moment(now_ms: int, noise: bytes) -> None:
    assert uuid7_ms(uuid7(now_ms, noise)) == now_ms


@given(moments, moments, noises, noises)
def test_ids_sort_by_their_moments(one_ms: int, other_ms: int, one_noise: bytes, other_noise: bytes) -> None:
    one, other = uuid7(one_ms, one_noise), uuid7(other_ms, other_noise)

    assert one_ms == other_ms or (one < other) == (one_ms < other_ms)


@given(moments, st.sets(st.integers(0, 2**74 - 1), min_size=2, max_size=2))
def test_every_random_bit_counts(now_ms: int, noises: set[int]) -> None:
    assert len({uuid7(now_ms, noise.to_bytes(RANDOM_BYTES, "big")) for noise in noises}) == 2


@pytest.mark.parametrize("now_ms", [-1, TIME_MS_MAX + 1])
def test_a_moment_that_does_not_fit_is_refused(now_ms: int) -> None:
    with pytest.raises(UsageError, match="does not fit a UUIDv7"):
        uuid7(now_ms, bytes(RANDOM_BYTES))


@pytest.mark.parametrize("count", [0, RANDOM_BYTES - 1, RANDOM_BYTES + 1])
def test_another_number_of_random_bytes_is_refused(count: int) -> None:
    with pytest.raises(UsageError, match="10 random bytes"):
        uuid7(0, bytes(count))


def test_a_uuid_of_another_version_carries_no_moment() -> None:
    with pytest.raises(UsageError, match="is not a UUIDv7"):
        uuid7_ms(UUID("5a6a0f0e-6b1c-4f0b-9d0a-000000000000"))


def test_a_key_never_changes_between_releases() -> None:
    """Providers remember keys: another value here charges a card twice on the day of an upgrade."""
    assert idempotency_key(SAGA, "charge", Operation.EXECUTE) == UUID("f70b5de4-0710-5fc8-b683-d55cf3b9cf9d")


def test_the_undo_has_a_key_of_its_own() -> None:
    execute = idempotency_key(SAGA, "charge", Operation.EXECUTE)

    assert idempotency_key(SAGA, "charge", Operation.COMPENSATE) != execute


def test_a_path_names_the_index_at_every_level() -> None:
    assert step_path("charge", ()) == "charge"
    assert step_path("charge", (3, 0)) == "charge/3/0"


occurrences = st.tuples(
    st.uuids(), names, st.lists(st.integers(0, 20), max_size=3).map(tuple), st.sampled_from(Operation)
)


@given(occurrences, occurrences)
def test_two_occurrences_never_share_a_key(
    one: tuple[UUID, str, tuple[int, ...], Operation], other: tuple[UUID, str, tuple[int, ...], Operation]
) -> None:
    keys = {
        idempotency_key(saga, step_path(name, indexes), operation) for saga, name, indexes, operation in (one, other)
    }

    assert len(keys) == len({one, other})
