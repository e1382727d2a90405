"""The long form: `python -m tests.election --election etcd --nodes 3 --rounds 20`. Figures go to build/election.json.

For each fault: the seconds until another candidate leads. Two leaders at a time end the run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.election.churn import churn
from tests.election.contest import FAULTS, contest
from tests.election.election_servers import ELECTION_SERVERS, ElectionServers

REPORT = Path("build/election.json")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.election", description=__doc__)
    parser.add_argument("--election", choices=sorted(ELECTION_SERVERS), required=True)
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=1)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--fault", choices=sorted(FAULTS), action="append")
    arguments = parser.parse_args()
    with ELECTION_SERVERS[arguments.election](arguments.nodes) as servers:
        figures = asyncio.run(run(servers, arguments.fault or list(FAULTS), arguments.rounds))
    report = json.loads(REPORT.read_text()) if REPORT.exists() else {}
    report[f"{arguments.election}, {arguments.nodes} node{'s' if arguments.nodes > 1 else ''}"] = figures
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2) + "\n")


async def run(servers: ElectionServers, faults: Sequence[str], rounds: int) -> dict[str, dict[str, float]]:
    figures = {}
    for fault in faults:
        with tempfile.TemporaryDirectory(prefix="saga-election-") as folder:
            async with contest(servers, Path(folder)) as fight:
                seconds = sorted([await FAULTS[fault](fight) for _ in range(rounds)])
        figures[fault] = {"rounds": rounds, "p50_seconds": _rank(seconds, 0.5), "p99_seconds": _rank(seconds, 0.99)}
        print(f"{servers.name:10} {fault:28}", " ".join(f"{name} {value:g}" for name, value in figures[fault].items()))
    with tempfile.TemporaryDirectory(prefix="saga-election-") as folder:
        terms = await churn(servers, Path(folder), candidates=20)
    figures["20 candidates joining and leaving"] = {"terms": terms}
    print(f"{servers.name:10} 20 candidates joining and leaving: {terms} terms, never two at a time")
    return figures


def _rank(ordered: Sequence[float], share: float) -> float:
    return round(ordered[max(math.ceil(share * len(ordered)) - 1, 0)], 3)


if __name__ == "__main__":
    main()
