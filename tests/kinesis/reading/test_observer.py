"""Who is dead by the observer's own clock, and whose share is how large."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from saga_kinesis.readers.observer import Observer, fair_share


def test_silence_counts_from_when_a_sign_was_first_seen() -> None:
    observer = Observer()

    assert observer.silent_seconds("shard", 1, 100.0) == 0
    assert observer.silent_seconds("shard", 1, 104.0) == 4
    assert observer.silent_seconds("shard", 2, 105.0) == 0
    assert observer.silent_seconds("shard", 2, 106.0) == 1


def test_what_was_forgotten_begins_anew() -> None:
    observer = Observer()
    observer.silent_seconds("gone", 1, 0.0)
    observer.forget_others({"here"})

    assert observer.silent_seconds("gone", 1, 100.0) == 0


@given(st.sets(st.integers(0, 2**128 - 1).map(lambda n: UUID(int=n)), min_size=1, max_size=9), st.integers(0, 40))
def test_the_shares_of_all_readers_are_all_shards_and_differ_by_one(readers: set[UUID], shards: int) -> None:
    shares = [fair_share("stream", readers, reader, shards) for reader in readers]

    assert sum(shares) == shards
    assert max(shares) - min(shares) <= 1


def test_streams_of_one_shard_do_not_all_go_to_one_reader() -> None:
    readers = [UUID(int=number) for number in range(4)]

    owners = {next(r for r in readers if fair_share(f"stream {n}", readers, r, 1)) for n in range(40)}

    assert len(owners) == 4
