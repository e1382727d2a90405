"""100,000 mutated inputs over every decoder: each is read, or refused with an error of Saga; fast, and in little memory."""

from __future__ import annotations

import sys
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Final

import pytest

from saga.errors import SagaError
from saga.yaml_guard import YAML_BYTES_MAX, YAML_DEPTH_MAX, parsed_yaml
from tests.bad_input.decoders import DECODERS
from tests.bad_input.mutation import Mutator

MUTATIONS: Final = 100_000
CALL_CPU_SECONDS_MAX: Final = 0.1
MEMORY_BYTES_MAX: Final = 16 * 1024 * 1024
SAMPLE: Final = 150


def test_there_are_a_hundred_thousand_mutations() -> None:
    assert sum(DECODERS.values()) == MUTATIONS


@pytest.mark.parametrize("decoder", DECODERS, ids=lambda decoder: decoder.__name__)
def test_bad_input_is_refused_fast_and_with_an_error_of_saga(
    decoder: Callable[[Mutator], None], capsys: pytest.CaptureFixture[str]
) -> None:
    refused, slowest = 0, 0.0
    for seed in range(DECODERS[decoder]):
        began_at = time.process_time()
        refused += _is_refused(decoder, seed)
        seconds = time.process_time() - began_at
        if seconds > CALL_CPU_SECONDS_MAX:  # a garbage collection, or a busy machine
            seconds = _quickest(partial(_is_refused, decoder, seed))
        slowest = max(slowest, seconds)
    with capsys.disabled():
        said = f"{DECODERS[decoder]} mutations, {refused} refused, {slowest * 1000:.1f} ms at most"
        sys.stderr.write(f"\n{decoder.__name__}: {said}\n")

    assert refused > DECODERS[decoder] / 20
    assert slowest < CALL_CPU_SECONDS_MAX


@pytest.mark.parametrize("decoder", DECODERS, ids=lambda decoder: decoder.__name__)
def test_bad_input_does_not_fill_the_memory(decoder: Callable[[Mutator], None]) -> None:
    tracemalloc.start()
    try:
        for seed in range(SAMPLE):
            _is_refused(decoder, seed)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < MEMORY_BYTES_MAX


@pytest.mark.parametrize(
    "bomb",
    [
        b"[" * (YAML_BYTES_MAX - 1),
        b"{a: " * 10_000,
        b"a: [" * 9_000,
        b"- " * 30_000,
        b"? " * 20_000,
        b"x" * (YAML_BYTES_MAX + 1),
    ],
    ids=["brackets", "mappings", "mixed", "dashes", "questions", "too long"],
)
def test_a_bomb_in_the_settings_is_refused_before_it_is_loaded(bomb: bytes) -> None:
    def refuse() -> None:
        with pytest.raises(SagaError, match=f"nested deeper than {YAML_DEPTH_MAX}|cannot be read|the maximum is"):
            parsed_yaml(bomb, "saga.yaml")

    assert _quickest(refuse) < CALL_CPU_SECONDS_MAX


@pytest.mark.parametrize(
    "text",
    [
        b"a: &x 1\nb: *x\n",
        b"a: !!python/object:os.system {}\n",
        b"a: 1\na: 2\n",
        b"- a\n",
        b"a: {b: 1, b: 2}\n",
        b"a: 1" + b":00" * 400 + b".5\n",
    ],
)
def test_yaml_features_that_settings_do_not_need_are_refused(text: bytes) -> None:
    with pytest.raises(SagaError, match=r"saga\.yaml"):
        parsed_yaml(text, "saga.yaml")


def _quickest(call: Callable[[], object]) -> float:
    """The CPU seconds of the fastest of three calls."""
    spent = []
    for _ in range(3):
        began_at = time.process_time()
        call()
        spent.append(time.process_time() - began_at)
    return min(spent)


def _is_refused(decoder: Callable[[Mutator], None], seed: int) -> bool:
    """True if the input was refused. An error that is not of Saga fails the test, with the seed in its notes."""
    try:
        decoder(Mutator(seed))
    except SagaError:
        return True
    except Exception as error:
        error.add_note(f"{decoder.__name__}, seed {seed}")
        raise
    return False
