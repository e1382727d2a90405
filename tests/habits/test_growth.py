"""`make bench-growth`: each measure runs in the build that it is meant for, and a bound is judged by what was measured."""

from __future__ import annotations

import io
import math
from pathlib import Path

import pytest
from rich.console import Console

from bench.environment.server import Server
from bench.growth.__main__ import measures
from bench.growth.builds import ROOT, Build, WrongBuild, builds
from bench.growth.comparison import Verdict, verdicts
from bench.growth.row import Bound, Growth, all_rows, row_of
from bench.growth.side import measure_in
from bench.growth.tables import show
from bench.measurement import Figures, NotMeasured, Setup
from bench.rounds import Options, Side, alternate

ROW = "tests.habits.growth_row"
SETUP = Setup(Server("postgresql://nowhere", "15", {}), "postgresql://nowhere/bench", 1.5)


def judged(bound: Bound, **figures: list[float]) -> Verdict:
    """The verdict on figures of the builds at the points 1 and 2: `old_1=[...]`."""
    growth = Growth("row", "things", (1, 2), (bound,))
    sides = {f"{build} {point}": Side() for build in ("old", "new") for point in growth.points}
    for name, values in figures.items():
        sides[name.replace("_", " ")].rounds.extend({"x": value} for value in values)
    (found,) = verdicts(growth, sides)
    return found


def test_each_measure_runs_in_its_build(tmp_path: Path) -> None:
    with builds("HEAD", unpacked=tmp_path / "old") as both:
        found = {name: measure(SETUP) for name, measure in measures(row_of(ROW), both).items()}

    assert found == {
        "old 1": {"point": 1, "seconds": 1.5, "old_packages": 2},
        "new 1": {"point": 1, "seconds": 1.5, "old_packages": 0},
        "old 2": {"point": 2, "seconds": 1.5, "old_packages": 2},
        "new 2": {"point": 2, "seconds": 1.5, "old_packages": 0},
    }
    assert not (tmp_path / "old").exists()


def test_a_process_that_imports_another_build_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(WrongBuild, match="the old build is in"):
        Build("old", tmp_path).verify()


def test_a_commit_that_is_not_there_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="cannot unpack nothing"), builds("nothing", unpacked=tmp_path / "old"):
        pass

    assert not (tmp_path / "old").exists()


def test_what_cannot_be_measured_says_why() -> None:
    with pytest.raises(NotMeasured, match="there is nothing at 0"):
        measure_in(Build("new", ROOT), row_of(ROW), 0)(SETUP)


def test_sides_alternate_from_round_to_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Server, "fresh", lambda self, database: f"{self.home}/{database}")
    order: list[str] = []

    def side(name: str, setup: Setup) -> Figures:
        order.append(name)
        return {"seconds": setup.seconds}

    sides = alternate(
        "job",
        {"old": lambda setup: side("old", setup), "new": lambda setup: side("new", setup)},
        SETUP.server,
        Options(2, 0.5),
        lambda _text: None,
    )

    assert order == ["old", "new", "new", "old"]
    assert sides["new"].rounds == [{"seconds": 0.5}] * 2


def test_a_bound_on_another_point_compares_within_each_build() -> None:
    found = judged(Bound("x", 2, of=1, least=0.8), old_1=[10, 10], old_2=[2, 4], new_1=[10, 20], new_2=[9, 18])

    assert (found.old, found.new, found.is_kept) == ([0.2, 0.4], [0.9, 0.9], True)


def test_a_bound_on_the_old_build_compares_at_the_same_point() -> None:
    found = judged(Bound("x", 2, of="old", most=0.6), old_2=[10, 10, 10], new_2=[5, 7, 8], new_1=[1], old_1=[1])

    assert (found.new, found.is_kept) == ([0.5, 0.7, 0.8], False)


def test_a_bound_on_the_figure_itself_divides_by_nothing() -> None:
    assert judged(Bound("x", 2, of=None, most=2.5), new_2=[2.5]).is_kept


def test_what_the_old_build_could_not_do_at_all_is_infinitely_better() -> None:
    assert judged(Bound("x", 2, of="old", least=2), old_2=[0], new_2=[1]).new == [math.inf]


def test_a_bound_without_figures_is_not_kept() -> None:
    assert not judged(Bound("x", 2, of=1, least=0.8), new_2=[1]).is_kept


def test_the_tables_show_quotients_and_the_reason_of_a_missing_figure() -> None:
    growth = Growth("row", "things", (1,), (Bound("x_y", 1, of="old", least=2),))
    sides = {"old 1": Side([{"x_y": 2.0}]), "new 1": Side([{"x_y": 5.0}], error="it hangs")}
    console = Console(width=150, record=True, file=io.StringIO())
    row = row_of(ROW)

    show(console, [type(row)(growth, row.measure, row.module)], verdicts(growth, sides), {"row": sides})

    text = console.export_text()
    assert "x y" in text
    assert "1 things, new / old" in text
    assert "row, new 1: it hangs" in text


def test_every_row_has_bounds_on_its_own_points() -> None:
    for row in all_rows():
        for bound in row.growth.bounds:
            assert bound.point in row.growth.points, row.growth.name
            assert bound.of in (None, "old", *row.growth.points), row.growth.name
