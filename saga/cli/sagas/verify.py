"""`saga verify`: was the protocol kept? An independent checker reads what the store has recorded."""

from __future__ import annotations

import json as json_text
import sys
import time
from typing import Annotated, Any, Final
from uuid import UUID

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from saga.cli.log_setup import log_for_people
from saga.cli.sagas.look import moment
from saga.cli.store import reading, saga_of
from saga.cli.store_options import NOWHERE, Where
from saga.errors import NotFound, UsageError
from saga.history import Rule, Verdict
from saga.history import verify as verdict_of
from saga.loops import run
from saga.settings import Settings

FINDINGS_SHOWN: Final = 20


def verify(
    *,
    since: str | None = None,
    saga: str | None = None,
    json: Annotated[bool, Parameter(name="--json", negative=())] = False,
    where: Where = NOWHERE,
) -> int:
    """Hold the recorded history against the rules of the protocol; exit 1 if one was broken.

    Parameters
    ----------
    since
        Only sagas that started within this time ("10m", "1d") or after this moment ("2026-01-31 12:00").
    saga
        Only this one: its id, or DEFINITION:KEY.
    json
        For programs.
    """
    if since is not None and saga is not None:
        raise UsageError("--since chooses among many sagas and --saga is about one: leave one of them out")
    settings = where.settings()
    log_for_people(settings)
    started_since = None if since is None else moment(since, time.time())
    verdict = run(_verdict(settings, started_since, saga))
    if json:
        print(json_text.dumps(_document(verdict), ensure_ascii=False))
    else:
        _show(verdict, Console(highlight=False))
    return 0 if verdict.is_kept else 1


async def _verdict(settings: Settings, since: float | None, reference: str | None) -> Verdict:
    progress = _Progress()
    async with reading(settings) as adapter:
        one: UUID | None = None if reference is None else await saga_of(adapter, reference)
        try:
            verdict = await verdict_of(adapter.listing, since=since, saga=one, on_page=progress.show)
        finally:
            progress.wipe()
    if one is not None and verdict.sagas == 0:
        raise NotFound(f"there is no saga {one}: the id is wrong, or it ended and was purged")
    return verdict


class _Progress:
    """One line that is written over, where somebody watches."""

    def __init__(self) -> None:
        self._is_watched = sys.stderr.isatty()
        self._began_at = time.monotonic()

    def show(self, verdict: Verdict) -> None:
        if self._is_watched:
            per_second = verdict.transitions / max(time.monotonic() - self._began_at, 0.001)
            said = f"{verdict.sagas:,} sagas, {verdict.transitions:,} transitions, {per_second:,.0f}/s"
            print(f"\r{said}, {verdict.findings_found:,} findings\x1b[K", end="", file=sys.stderr, flush=True)

    def wipe(self) -> None:
        if self._is_watched:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _show(verdict: Verdict, console: Console) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for rule in Rule:
        if verdict.uses[rule]:
            table.add_row(rule.value, f"{verdict.uses[rule]:,}")
    console.print(table)
    for finding in verdict.findings[:FINDINGS_SHOWN]:
        console.print(Text(str(finding), style="red"), soft_wrap=True)
    if verdict.findings_found > FINDINGS_SHOWN:
        console.print(f"... and {verdict.findings_found - FINDINGS_SHOWN:,} more")
    for reason, sagas in verdict.unverifiable.items():
        console.print(Text(f"{sagas:,} sagas cannot be verified: {reason}", style="yellow"), soft_wrap=True)
    looked_at = f"{verdict.sagas:,} sagas, {verdict.transitions:,} transitions"
    if verdict.is_kept:
        console.print(Text(f"The protocol was kept: {looked_at}.", style="bold green"))
    else:
        said = f"The protocol was broken in {verdict.broken_sagas:,} of {looked_at}."
        console.print(Text(said, style="bold red"))


def _document(verdict: Verdict) -> dict[str, Any]:
    return {
        "kept": verdict.is_kept,
        "sagas": verdict.sagas,
        "transitions": verdict.transitions,
        "rules": {rule.value: verdict.uses[rule] for rule in Rule if verdict.uses[rule]},
        "unverifiable": dict(verdict.unverifiable),
        "broken_sagas": verdict.broken_sagas,
        "findings_found": verdict.findings_found,
        "findings": [
            {
                "saga": str(finding.saga),
                "version": finding.version,
                "rule": finding.rule.value,
                "was": finding.was,
                "expected": finding.expected,
                "process": finding.process,
            }
            for finding in verdict.findings
        ],
    }
