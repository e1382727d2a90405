"""Alert rules and dashboard: promtool accepts them, and the metrics they use exist."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from saga.telemetry.catalogue import METRICS
from tests.services.places import or_skip
from tests.services.prometheus import promtool

DEPLOY = Path(__file__).parents[2] / "deploy"
ALERTS = DEPLOY / "prometheus" / "alerts.yaml"
ALERTS_TEST = DEPLOY / "prometheus" / "alerts_test.yaml"
DASHBOARD = DEPLOY / "grafana" / "saga.json"
METRIC = re.compile(r"\bsaga_[a-z_]+\b")
SELECTOR = re.compile(r"(saga_[a-z_]+)\{([^}]*)\}")
OURS = {"job", "instance"}  # labels that Prometheus adds
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}
LABELS = {metric.name + suffix: set(metric.labels) | OURS for metric in METRICS for suffix in SUFFIXES[metric.kind]}


@pytest.fixture(scope="module")
def tool() -> Iterator[str]:
    with or_skip(promtool()) as path:
        yield path


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def queries() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", ())]


def test_prometheus_accepts_the_rules(tool: str) -> None:
    assert f"SUCCESS: {len(rules())} rules found" in run(tool, "check", "rules", str(ALERTS))


def test_the_rules_fire_when_they_should(tool: str) -> None:
    assert "SUCCESS" in run(tool, "test", "rules", str(ALERTS_TEST))


def test_every_rule_has_a_test_in_which_it_fires() -> None:
    tested = ALERTS_TEST.read_text()

    assert [rule["alert"] for rule in rules() if not re.search(rf"\b{rule['alert']}\b", tested)] == []


def test_every_query_of_the_dashboard_is_valid(tool: str, tmp_path: Path) -> None:
    """The queries become recording rules, which promtool parses, with plain values for Grafana's variables."""
    plain = [
        expr.replace("$__rate_interval", "5m").replace("$job", ".*").replace("$definition", ".*") for expr in queries()
    ]
    file = tmp_path / "dashboard.yaml"
    recorded = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(plain)]
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}))

    run(tool, "check", "rules", "--lint=none", str(file))


@pytest.mark.parametrize("expr", [*(rule["expr"] for rule in rules()), *queries()])
def test_every_metric_and_label_in_a_query_exists(expr: str) -> None:
    assert set(METRIC.findall(expr)) <= LABELS.keys()
    for name, selector in SELECTOR.findall(expr):
        assert {part.strip() for part in re.findall(r"(\w+)\s*=", selector)} <= LABELS[name]


def test_every_metric_is_on_the_dashboard() -> None:
    shown = " ".join(queries())

    assert [
        metric.name for metric in METRICS if not re.search(rf"\b{metric.name}(_bucket|_sum|_count)?\b", shown)
    ] == []


def test_panels_have_distinct_numbers_and_do_not_overlap() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len(set(cells)) == len(cells)
