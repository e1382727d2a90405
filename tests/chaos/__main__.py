"""`make chaos MINUTES=10`: the long form. Exits 0 only if nothing is lost, duplicated, stuck or leaked, and the pace was kept."""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import signal
import sys
import tempfile
from pathlib import Path

from saga import loops
from tests.chaos.run import RATE, Figures, Plan, run
from tests.chaos.system.external_systems import BUSES, ELECTIONS
from tests.chaos.waits.audit import COUNTED

SAGAS_PER_SECOND_MIN = 200.0
HITS_MIN = 30
WAITS_MIN = 30  # of each way in which a wait ends
# Of a run, and between two kills on average: a process that starts costs as much as a hundred sagas.
KILLS, KILL_SECONDS_MIN = 80, 1.0
RESTS, REST_SECONDS_MIN = 75, 0.5  # between two faults, on average
REPORT = Path("build/chaos.json")


def main() -> int:
    options = _options()
    plan = Plan(
        options.minutes * 60,
        options.seed,
        kill_every_seconds=max(KILL_SECONDS_MIN, options.minutes * 60 / KILLS),
        rest_seconds=max(REST_SECONDS_MIN, options.minutes * 60 / RESTS),
        bus=options.bus,
        election=options.election,
        rate=options.rate,
        only=options.only,
    )
    folder = Path(tempfile.mkdtemp(prefix="saga-chaos-logs-"))
    print(f"seed {plan.seed}, {options.minutes} minutes, bus {plan.bus}, election {plan.election}; logs in {folder}")
    figures = loops.run(_until_told(plan, folder))
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(figures.document(), indent=2) + "\n")
    messages, code = closing(figures)
    print("\n".join(messages))
    return code


async def _until_told(plan: Plan, folder: Path) -> Figures:
    """Ends the servers and processes of the run when it is told to end."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await run(plan, folder, lambda line: print(line, flush=True))


def closing(figures: Figures) -> tuple[list[str], int]:
    """Prints the figures and returns the exit code; a code other than 0 comes with a reason in words."""
    missing = [f"shows too little: {what}" for what in too_little(figures)]
    return [*figures.lines(), *missing], 1 if figures.verdict.violations or missing else 0


def too_little(figures: Figures) -> list[str]:
    """The figures that a run must reach before its silence means anything."""
    messages = []
    if figures.sagas_per_second < SAGAS_PER_SECOND_MIN:
        messages.append(f"{figures.sagas_per_second:.0f} sagas/s, at least {SAGAS_PER_SECOND_MIN:.0f} are wanted")
    if figures.kills.hits < HITS_MIN:
        messages.append(f"{figures.kills.hits} kills hit held claims, at least {HITS_MIN} are wanted")
    for what in COUNTED:
        if figures.verdict.waits[what] < WAITS_MIN:
            messages.append(f"{figures.verdict.waits[what]} {what}, at least {WAITS_MIN} are wanted")
    return messages


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Break a running system, and count.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="the order of the faults")
    parser.add_argument("--rate", type=float, default=RATE, help="sagas a second that customers start")
    parser.add_argument("--bus", choices=sorted(BUSES), default="store")
    parser.add_argument("--election", choices=sorted(ELECTIONS), default="store")
    parser.add_argument("--only", default="", metavar="WORDS", help="faults whose name contains this")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
