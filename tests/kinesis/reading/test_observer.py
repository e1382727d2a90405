"""Death is judged by the observer's own clock, and shares are fair."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from saga_kinesis.readers.observer import Observer, fair_share


def test_silence_is_counted_from_the_first_sight_of_a_sign() -> None:
    observer = Observer()

    assert observer.silent_seconds("shard", 1, 100.0) == 0
    assert observer.silent_seconds("shard", 1, 104.0) == 4
    assert observer.silent_seconds("shard", 2, 105.0) == 0
    assert observer.silent_seconds("shard", 2, 106.0) == 1


def test_a_forgotten_subject_starts_again() -> None:
    observer = Observer()
    observer.silent_seconds("gone", 1, 0.0)
    observer.forget_others({"here"})

    assert observer.silent_seconds("gone", 1, 100.0) == 0


@given(st.sets(st.integers(0, 2**128 - 1).map(lambda n: UUID(int=n)), min_size=1, max_size=9), st.integers(0, 40))
def test_the_shares_add_up_to_all_shards_and_differ_by_at_most_one(readers: set[UUID], shards: int) -> None:
    shares = [fair_share("stream", readers, reader, shards) for reader in readers]

    assert sum(shares) == shards
    assert max(shares) - min(shares) <= 1


def test_streams_of_one_shard_do_not_all_go_to_one_reader() -> None:
    readers = [UUID(int=number) for number in range(4)]

    owners = {next(r for r in readers if fair_share(f"stream {n}", readers, r, 1)) for n in range(40)}

    assert len(owners) == 4
