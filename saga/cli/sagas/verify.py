"""`saga verify`: an independent checker compares the recorded histories with the rules of the protocol."""

from __future__ import annotations

import sys
import time
from typing import Any, Final
from uuid import UUID

from rich.console import Console
from rich.table import Table
from rich.text import Text

from saga.cli.exit_codes import DONE, FAILED
from saga.cli.log_setup import log_for_people
from saga.cli.options import FROM_SETTINGS, Json, Since, StoreOptions
from saga.cli.output import print_json
from saga.cli.since import moment_of
from saga.cli.store import opened_store
from saga.errors import UsageError
from saga.history import Rule, Verdict
from saga.history import verify as verdict_of
from saga.inspection.references import find_saga
from saga.loops import run
from saga.ports.ledger import unknown_saga
from saga.settings import Settings

BREACHES_SHOWN_MAX: Final = 20


def verify(
    *,
    since: Since = None,
    saga: str | None = None,
    json: Json = False,
    store: StoreOptions = FROM_SETTINGS,
) -> int:
    """Check the recorded histories against the rules of the protocol; exit 1 if a rule was broken.

    Parameters
    ----------
    saga
        Only this saga: its id, or DEFINITION:KEY.
    """
    if since is not None and saga is not None:
        raise UsageError("--since selects from many sagas and --saga names one: use only one of the two")
    settings = store.settings()
    log_for_people(settings)
    verdict = run(_verdict(settings, moment_of(since), saga))
    if json:
        print_json(_document(verdict))
    else:
        _show(verdict, Console(highlight=False))
    return DONE if verdict.is_kept else FAILED


async def _verdict(settings: Settings, since: float | None, reference: str | None) -> Verdict:
    progress = _Progress()
    async with opened_store(settings) as adapter:
        one: UUID | None = None if reference is None else await find_saga(adapter, reference)
        try:
            verdict = await verdict_of(adapter.listing, since=since, saga=one, on_page=progress.show)
        finally:
            progress.clear()
    if one is not None and verdict.sagas == 0:
        raise unknown_saga(one)
    return verdict


class _Progress:
    """One line on a terminal, overwritten as the check goes on."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._began_at = time.monotonic()

    def show(self, verdict: Verdict) -> None:
        if self._is_terminal:
            per_second = verdict.transitions / max(time.monotonic() - self._began_at, 0.001)
            counts = f"{verdict.sagas:,} sagas, {verdict.transitions:,} transitions, {per_second:,.0f}/s"
            print(f"\r{counts}, {verdict.findings_found:,} findings\x1b[K", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._is_terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _show(verdict: Verdict, console: Console) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for rule in Rule:
        if verdict.uses[rule]:
            table.add_row(rule.value, f"{verdict.uses[rule]:,}")
    console.print(table)
    for breach in verdict.findings[:BREACHES_SHOWN_MAX]:
        console.print(Text(str(breach), style="red"), soft_wrap=True)
    if verdict.findings_found > BREACHES_SHOWN_MAX:
        console.print(f"... and {verdict.findings_found - BREACHES_SHOWN_MAX:,} more")
    for reason, sagas in verdict.unverifiable.items():
        console.print(Text(f"{sagas:,} sagas cannot be verified: {reason}", style="yellow"), soft_wrap=True)
    checked = f"{verdict.sagas:,} sagas, {verdict.transitions:,} transitions"
    if verdict.is_kept:
        console.print(Text(f"The protocol was kept: {checked}.", style="bold green"))
    else:
        text = f"The protocol was broken in {verdict.broken_sagas:,} of {checked}."
        console.print(Text(text, style="bold red"))


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
                "saga": str(breach.saga),
                "version": breach.version,
                "rule": breach.rule.value,
                "was": breach.was,
                "expected": breach.expected,
                "process": breach.process,
            }
            for breach in verdict.findings
        ],
    }
